/*
 * wake.pml - who sleeps and who wakes whom: lib/queue/bell.c and its callers in worker.c, room.c,
 * call.c, wait.c, recover.c.
 *
 * SUBMITTERS threads put TASKS tasks into SLOTS slots and sleep while there is no room; WORKERS
 * workers claim, publish and release them and sleep when there are none; a gatherer sleeps until
 * each task in turn is done. Up to DEATHS times a worker dies after any of its steps, or the
 * supervisor does, and all workers with it. The ring is a perfect one here, a bag; the real one is
 * in ring.pml. Nobody wakes by a timeout, though in the C submitters and gatherers do: so what is
 * found here holds without any.
 *
 * A semaphore is what glibc makes of it: to post is to add a token, and in a second step to wake
 * who is blocked. Who is blocked does not see a token without that. Tokens are counted up to
 * TOKENS; more are surplus.
 *
 * Each option of a process is one access to a shared word; what follows it in private memory is in
 * the same step. A load and the compare-and-swap, or the clearing of a bit, on what it gave are one
 * access: they only take effect if nothing changed in between.
 *
 * Checked: everything ends, and as many tasks run at once as there are slots and workers for: a
 * task only ends when so many have begun.
 */
#include "word.pml"

#ifndef SUBMITTERS
#define SUBMITTERS 1
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef TOKENS
#define TOKENS 1
#endif
/* Which bells are real. Who waits on one that is not, waits for what it tells of. */
#ifndef BELLS
#define BELLS 1
#endif
#ifndef ROOM
#define ROOM 1
#endif
#ifndef GATHERER
#define GATHERER 1
#endif

#define MEET (WORKERS < TASKS -> (WORKERS < SLOTS -> WORKERS : SLOTS) : (TASKS < SLOTS -> TASKS : SLOTS))

/* What a process does next. */
#define REST 0
#define DEAD 1
#define TAKE 2
#define PROBE 3
#define ABANDON 4
#define LOOK 5
#define SLEEP 6
#define BLOCKED 7
#define RETRACT 8
#define CLAIMED 9
#define RUN 10
#define RELEASE 11
#define RING_GATHERER 12
#define POST_GATHERER 13
#define WAKE_GATHERER 14
#define RING_ROOM 15
#define POST_ROOM 16
#define WAKE_ROOM 17
#define RING 18
#define POST 19
#define WAKE 20
#define SETTLE 21
#define CLEAR 22
#define HEAL_WORKERS 23
#define HEAL_GATHERER 24
#define HEAL_ROOM 25
#define ANNOUNCE 26

#define NOBODY_THERE 7 /* a post that comes too late for its sleeper's process */

typedef sender {
	unsigned next : 5;
	unsigned s : 2;
	unsigned target : 3;
	unsigned token : 2;
	unsigned announced : 1
}
typedef runner {
	unsigned next : 5;
	unsigned s : 2; /* the slot that it looks at, or has */
	unsigned target : 3;
	unsigned token : 2;
	unsigned announced : 1;
	unsigned passing : 1; /* it rings for another, with a task in hand */
	unsigned task : 2
}

word slot[SLOTS];
byte content[SLOTS];
bool published[TASKS];
bool started[TASKS];
sender p[SUBMITTERS];
runner w[WORKERS];
unsigned started_count : 2;
unsigned begun : 2;
unsigned accepted : 2;

/* The gatherer. */
unsigned gatherer : 5; /* its next step */
unsigned gathered : 2; /* it waits for this one */
unsigned waiter : 3;   /* the announcement: gathered + 1 */
unsigned gatherer_token : 2;

/* The supervisor. */
unsigned repair : 5; /* its next step */
unsigned victim : 2;
unsigned i : 3;
bool successor;
unsigned deaths : 2;

#define ME w[_pid]
#define I p[_pid - WORKERS]
#define free_slot(n) (slot[n].state == FREE)
#if SLOTS == 1
#define any_free free_slot(0)
#elif SLOTS == 2
#define any_free (free_slot(0) || free_slot(1))
#else
#define any_free (free_slot(0) || free_slot(1) || free_slot(2))
#endif
#if WORKERS == 1
#define any_sleeper w[0].announced
#elif WORKERS == 2
#define any_sleeper (w[0].announced || w[1].announced)
#else
#define any_sleeper (w[0].announced || w[1].announced || w[2].announced)
#endif
#if SUBMITTERS == 1
#define any_room_waiter p[0].announced
#else
#define any_room_waiter (p[0].announced || p[1].announced)
#endif

/*
 * Workers are alike, and so are submitters: states that differ only in who is who count as one. See
 * ring.pml.
 */
c_code {
	static int exchanged(int n, int a, int b)
	{
		return n == a ? b : n == b ? a : n;
	}

	static void swap_workers(int a, int b)
	{
		struct runner r = now.w[a];

		now.w[a] = now.w[b];
		now.w[b] = r;
		for (int n = 0; n < SLOTS; n++)
			if (now.slot[n].state == OWNED)
				now.slot[n].worker = exchanged(now.slot[n].worker, a, b);
		for (int n = 0; n < WORKERS; n++)
			if (now.w[n].next == POST || now.w[n].next == WAKE)
				now.w[n].target = exchanged(now.w[n].target, a, b);
		for (int n = 0; n < SUBMITTERS; n++)
			if (now.p[n].next == POST || now.p[n].next == WAKE)
				now.p[n].target = exchanged(now.p[n].target, a, b);
		if (now.repair != REST && !now.successor)
			now.victim = exchanged(now.victim, a, b);
	}

	static void swap_submitters(int a, int b)
	{
		struct sender r = now.p[a];

		now.p[a] = now.p[b];
		now.p[b] = r;
		for (int n = 0; n < WORKERS; n++)
			if (now.w[n].next == POST_ROOM || now.w[n].next == WAKE_ROOM)
				now.w[n].target = exchanged(now.w[n].target, a, b);
	}

	static void sort(void)
	{
		for (int n = WORKERS - 1; n > 0; n--)
			for (int k = 0; k < n; k++)
				if (memcmp(&now.w[k], &now.w[k + 1], sizeof(now.w[k])) > 0)
					swap_workers(k, k + 1);
		for (int n = SUBMITTERS - 1; n > 0; n--)
			for (int k = 0; k < n; k++)
				if (memcmp(&now.p[k], &now.p[k + 1], sizeof(now.p[k])) > 0)
					swap_submitters(k, k + 1);
	}
}

/* Any number below limit. Who finds it to be the wrong one changes nothing, and chooses again. */
inline choose(limit)
{
	do
	:: n + 1 < limit -> n++
	:: break
	od
}

#define add_token(a_token) a_token = (a_token < TOKENS -> a_token + 1 : TOKENS)
/* The second half of a post. */
#define wake(a_next) a_next = (a_next == BLOCKED -> SLEEP : a_next)

/* workers_ring(), in three steps; then `after`. */
#define ring_options(me, after) \
	:: atomic { \
		me.next == RING -> \
		choose(WORKERS); \
		d_step { \
			if \
			:: w[n].announced -> \
				w[n].announced = 0; \
				me.target = n; \
				me.next = POST \
			:: !any_sleeper -> after \
			:: else \
			fi; \
			n = 0; \
			c_code { sort(); } \
		} \
	} \
	:: d_step { \
		me.next == POST -> \
		if \
		:: me.target != NOBODY_THERE -> add_token(w[me.target].token) \
		:: else \
		fi; \
		me.next = WAKE; \
		c_code { sort(); } \
	} \
	:: d_step { \
		me.next == WAKE -> \
		if \
		:: me.target != NOBODY_THERE -> wake(w[me.target].next) \
		:: else \
		fi; \
		me.target = 0; \
		after; \
		c_code { sort(); } \
	}

#if ROOM
#define AFTER_ALL RING_ROOM
#else
#define AFTER_ALL REST
#endif
#if !GATHERER
#define FIRST_STEP RUN
#define AFTER_RELEASE AFTER_ALL
#define AFTER_GATHERER AFTER_ALL
#elif defined(RING_BEFORE_PUBLISH)
#define FIRST_STEP RING_GATHERER
#define AFTER_RELEASE AFTER_ALL
#define AFTER_GATHERER RUN
#else
#define FIRST_STEP RUN
#define AFTER_RELEASE RING_GATHERER
#define AFTER_GATHERER AFTER_ALL
#endif

#define rest(n) \
	w[n].next = REST; \
	w[n].s = 0; \
	w[n].target = 0; \
	w[n].passing = 0; \
	w[n].task = 0

#define go_on(step) \
	ME.next = step; \
	ME.task = (step == REST || step == RING_ROOM -> 0 : ME.task)

#define claim(a_slot) \
	slot[a_slot].state = OWNED; \
	slot[a_slot].worker = _pid; \
	ME.s = a_slot; \
	ME.task = content[a_slot]; \
	started_count = started_count + !started[ME.task]; \
	started[ME.task] = true

#define release() \
	slot[ME.s].state = FREE; \
	slot[ME.s].worker = 0; \
	content[ME.s] = 0; \
	ME.s = 0

/* Looks at the next one, or goes on when all were looked at. */
#define next_slot(after) \
	ME.s++; \
	if \
	:: ME.s == SLOTS -> \
		ME.s = 0; \
		ME.next = after \
	:: else \
	fi

active [WORKERS] proctype Worker()
{
	byte n;

end:
	do
	:: d_step {
		ME.next == REST && (BELLS || slot[0].state == READY) ->
		if
		:: slot[ME.s].state == READY ->
			claim(ME.s);
			ME.next = FIRST_STEP
		:: else -> next_slot(ANNOUNCE)
		fi;
		c_code { sort(); }
	}
#if !BELLS && SLOTS > 1
	:: d_step {
		ME.next == REST && slot[1].state == READY ->
		claim(1);
		ME.next = FIRST_STEP;
		c_code { sort(); }
	}
#endif
	:: d_step {
		ME.next == ANNOUNCE ->
		ME.announced = 1;
#ifdef NO_RECHECK
		ME.next = SLEEP;
#else
		ME.next = LOOK;
#endif
		c_code { sort(); }
	}
	:: d_step {
		ME.next == LOOK ->
		if
		:: slot[ME.s].state == READY ->
			claim(ME.s);
			ME.next = CLAIMED
		:: else -> next_slot(SLEEP)
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == CLAIMED ->
		if
#ifndef NO_PASS_ON
		:: !ME.announced ->
			ME.passing = 1;
			ME.next = RING
#endif
		:: else ->
			ME.announced = 0;
			ME.next = FIRST_STEP
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == SLEEP ->
		if
		:: ME.token ->
			ME.token--;
			ME.next = RETRACT
		:: else -> ME.next = BLOCKED
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == RETRACT ->
		ME.announced = 0;
		ME.next = REST;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == RUN && started_count >= MEET ->
		assert(!published[ME.task]);
		published[ME.task] = true;
#if ROOM || GATHERER
		ME.next = RELEASE;
#else
		/* Nobody looks whether a slot is free: one step. */
		release();
		rest(_pid);
#endif
		c_code { sort(); }
	}
	:: d_step {
		ME.next == RELEASE ->
		release();
		go_on(AFTER_RELEASE);
		c_code { sort(); }
	}
	:: d_step {
		ME.next == RING_GATHERER ->
		if
		:: waiter == ME.task + 1 ->
			waiter = 0;
			ME.next = POST_GATHERER
		:: else -> go_on(AFTER_GATHERER)
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == POST_GATHERER ->
		add_token(gatherer_token);
		ME.next = WAKE_GATHERER;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == WAKE_GATHERER ->
		wake(gatherer);
		go_on(AFTER_GATHERER);
		c_code { sort(); }
	}
	:: atomic {
		ME.next == RING_ROOM ->
		choose(SUBMITTERS);
		d_step {
			if
			:: any_free && p[n].announced ->
				p[n].announced = 0;
				ME.target = n;
				ME.next = POST_ROOM
			:: !any_free || !any_room_waiter -> rest(_pid)
			:: else
			fi;
			n = 0;
			c_code { sort(); }
		}
	}
	:: d_step {
		ME.next == POST_ROOM ->
		add_token(p[ME.target].token);
		ME.next = WAKE_ROOM;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == WAKE_ROOM ->
		wake(p[ME.target].next);
		rest(_pid);
		c_code { sort(); }
	}
	ring_options(ME, ME.passing = 0; ME.next = FIRST_STEP)
	od
}

active [SUBMITTERS] proctype Submitter()
{
	byte n;

end:
	do
	:: d_step {
		ROOM && I.next == REST && begun < TASKS ->
		begun++;
		I.next = TAKE;
		c_code { sort(); }
	}
	/*
	 * ring_take() to ring_publish(). A slot that is being filled does the same as one that
	 * nobody has claimed yet.
	 */
	:: atomic {
		(I.next == TAKE || (!ROOM && I.next == REST && begun < TASKS)) && any_free ->
#if ROOM || SLOTS < TASKS
		choose(SLOTS);
#else
		/* Each task has a slot of its own. */
		n = accepted;
#endif
		d_step {
			if
			:: slot[n].state == FREE ->
				begun = begun + !ROOM;
				content[n] = accepted;
				slot[n].state = READY;
				accepted++;
				I.next = (BELLS -> RING : REST)
			:: else
			fi;
			n = 0;
			c_code { sort(); }
		}
	}
	/* batch_wait_for_room(). What was seen before may be old: so it may come at any time. */
	:: d_step {
		ROOM && I.next == TAKE ->
		I.announced = 1;
#ifdef NO_RECHECK_ROOM
		I.next = SLEEP;
#else
		I.next = PROBE;
#endif
		c_code { sort(); }
	}
	:: d_step {
		I.next == PROBE ->
		if
		:: slot[I.s].state == FREE ->
			slot[I.s].state = FILLING;
			I.next = ABANDON
		:: else ->
			I.s++;
			if
			:: I.s == SLOTS ->
				I.s = 0;
				I.next = SLEEP
			:: else
			fi
		fi;
		c_code { sort(); }
	}
	:: d_step {
		I.next == ABANDON ->
		slot[I.s].state = FREE;
		I.s = 0;
		I.next = RETRACT;
		c_code { sort(); }
	}
	:: d_step {
		I.next == SLEEP ->
		if
		:: I.token ->
			I.token--;
			I.next = RETRACT
		:: else -> I.next = BLOCKED
		fi;
		c_code { sort(); }
	}
	:: d_step {
		I.next == RETRACT ->
		I.announced = 0;
		I.next = TAKE;
		c_code { sort(); }
	}
	ring_options(I, I.next = REST)
	od
}

active proctype Gatherer()
{
end:
	do
	:: d_step {
		gatherer == REST && gathered < TASKS && published[gathered] -> gathered++
	}
	:: d_step {
		GATHERER && gatherer == REST && gathered < TASKS ->
		waiter = gathered + 1;
#ifdef NO_RECHECK_GATHERER
		gatherer = SLEEP
#else
		gatherer = LOOK
#endif
	}
	:: d_step {
		gatherer == LOOK -> gatherer = (published[gathered] -> RETRACT : SLEEP)
	}
	:: d_step {
		gatherer == SLEEP ->
		if
		:: gatherer_token ->
			gatherer_token--;
			gatherer = RETRACT
		:: else -> gatherer = BLOCKED
		fi
	}
	:: d_step {
		gatherer == RETRACT ->
		waiter = 0;
		gatherer = REST
	}
	od
}

#define die(n) \
	rest(n); \
	w[n].token = 0; \
	w[n].next = DEAD

#define posts_to_dead(who) \
	((who.next == POST || who.next == WAKE) && who.target != NOBODY_THERE && w[who.target].next == DEAD)

#ifdef HEAL_ANNOUNCED
#define heals(is_announced) (is_announced)
#else
#define heals(is_announced) true
#endif

#ifdef NO_HEAL
#define AFTER_CLEAR HEAL_ROOM
#else
#define AFTER_CLEAR HEAL_WORKERS
#endif

/*
 * A worker that dies in the midst of something may have had any part in it; see ring.pml for why it
 * dies here.
 */
active proctype Supervisor()
{
	byte n;

end:
	do
	:: atomic {
		repair == REST && deaths < DEATHS && gathered < TASKS ->
		choose(WORKERS);
		d_step {
			deaths++;
			victim = n;
			die(victim);
			repair = SETTLE;
			n = 0;
			c_code { sort(); }
		}
	}
	:: d_step {
		deaths < DEATHS && gathered < TASKS ->
		deaths++;
		for (n : 0 .. WORKERS - 1) {
			die(n)
		}
		victim = 0;
		successor = true;
		i = 0;
		repair = SETTLE;
		n = 0;
		c_code { sort(); }
	}
	/*
	 * A successor settles what any of the dead had, and rings once. The C rings after each of
	 * them.
	 */
	:: d_step {
		repair == SETTLE ->
		if
		:: slot[i].state == OWNED && (successor || slot[i].worker == victim) ->
			slot[i].worker = 0;
			if
			:: published[content[i]] ->
				slot[i].state = FREE;
				content[i] = 0
			:: else -> slot[i].state = READY
			fi
		:: else
		fi;
		i++;
		if
		:: i == SLOTS ->
			i = 0;
			repair = CLEAR
		:: else
		fi;
		c_code { sort(); }
	}
	:: d_step {
		repair == CLEAR ->
		for (n : 0 .. WORKERS - 1) {
			if
			:: successor || n == victim -> w[n].announced = 0
			:: else
			fi
		}
		n = 0;
		repair = AFTER_CLEAR;
		c_code { sort(); }
	}
	:: d_step {
		repair == HEAL_WORKERS ->
		for (n : 0 .. WORKERS - 1) {
			if
			:: heals(w[n].announced) ->
				add_token(w[n].token);
				wake(w[n].next)
			:: else
			fi
		}
		n = 0;
		repair = HEAL_GATHERER;
		c_code { sort(); }
	}
	:: d_step {
		repair == HEAL_GATHERER ->
		if
		:: heals(waiter) ->
			add_token(gatherer_token);
			wake(gatherer)
		:: else
		fi;
		repair = HEAL_ROOM;
		c_code { sort(); }
	}
	/*
	 * The last bells, and spawn_worker(): the dead worker's number gets a new semaphore; posts
	 * on their way go to the old one.
	 */
	:: d_step {
		repair == HEAL_ROOM ->
#ifndef NO_HEAL
		for (n : 0 .. SUBMITTERS - 1) {
			if
			:: heals(p[n].announced) ->
				add_token(p[n].token);
				wake(p[n].next)
			:: else
			fi
		}
#endif
		for (n : 0 .. SUBMITTERS - 1) {
			if
			:: posts_to_dead(p[n]) ->
				p[n].target = NOBODY_THERE
			:: else
			fi
		}
		for (n : 0 .. WORKERS - 1) {
			if
			:: posts_to_dead(w[n]) ->
				w[n].target = NOBODY_THERE
			:: else
			fi
		}
		for (n : 0 .. WORKERS - 1) {
			if
			:: w[n].next == DEAD ->
				w[n].token = 0;
				w[n].next = REST
			:: else
			fi
		}
		n = 0;
		victim = 0;
		successor = false;
		repair = REST;
		c_code { sort(); }
	}
	od
}

/* A process that is stuck before that leaves an invalid end state. */
active proctype End()
{
	gathered == TASKS
}
