/*
 * ring.pml - slots, tail and head: lib/queue/ring.c, with what the supervisor does to them after a
 * death, and a worker that hands a task back.
 *
 * SUBMITTERS threads put TASKS tasks through SLOTS slots; WORKERS workers claim, publish and
 * release them. Up to DEATHS times a worker dies after any of its steps, or the supervisor does,
 * and all workers with it. Who waits for a task or for room is woken by a perfect bell here; the
 * real ones are in wake.pml.
 *
 * Each option of a process is one access to a shared word; what follows it in private memory is in
 * the same step. A load and the compare-and-swap on what it gave are one access, as the swap only
 * succeeds on the very word that was read.
 *
 * Checked: each task is published once, nobody takes a slot from its owner, what is READY can be
 * found whenever no repair is under way, and all ends.
 */
#include "word.pml"

#ifndef SUBMITTERS
#define SUBMITTERS 2
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
#ifndef ABANDONS
/* slots that a submitter takes and gives back, as one that waited for room does */
#define ABANDONS 0
#endif

#ifndef HAND_BACKS
/* tasks that a worker claims and hands back */
#define HAND_BACKS 0
#endif

/* What a process does next. */
#define REST 0
#define DEAD 1
#define AGAIN 2
#define FIND 3
#define TAIL 4
#define GIVE_BACK 5
#define PUBLISH 6
#define SCAN 7
#define NAME 8
#define HEAD 9
#define RUN 10
#define RELEASE 11
#define SETTLE 12
#define REWIND_TAIL 13
#define REWIND_HEAD 14
#define LEAD_BACK 15

typedef sender {
	unsigned next : 4;
	unsigned seen : 4; /* tail */
	unsigned t : 4;
	unsigned lap : 4 /* to give the slot back with */
}
typedef runner {
	unsigned next : 4;
	unsigned head : 4;
	unsigned end : 4;
	unsigned t : 4;
	unsigned passed : 4;
	unsigned slot : 2;
	unsigned clear : 1;
	unsigned won : 1;
	unsigned rewound : 1 /* the head's upper bits have changed since this worker read it */
}

word slot[SLOTS];
byte content[SLOTS];
byte tail, head;
sender p[SUBMITTERS];
runner w[WORKERS];

/*
 * Workers are alike, and so are submitters: states that differ only in who is who count as one. So
 * each step ends with their records sorted, and a process goes on with whatever record has come to
 * its number.
 */
c_code {
	static void swap_workers(int a, int b)
	{
		struct runner r = now.w[a];

		now.w[a] = now.w[b];
		now.w[b] = r;
		for (int i = 0; i < SLOTS; i++)
			if (now.slot[i].state == OWNED && (now.slot[i].worker == a || now.slot[i].worker == b))
				now.slot[i].worker = a + b - now.slot[i].worker;
		if (now.repair != REST && !now.successor && (now.victim == a || now.victim == b))
			now.victim = a + b - now.victim;
	}

	static void sort(void)
	{
		for (int n = WORKERS - 1; n > 0; n--)
			for (int i = 0; i < n; i++)
				if (memcmp(&now.w[i], &now.w[i + 1], sizeof(now.w[i])) > 0)
					swap_workers(i, i + 1);
		for (int n = SUBMITTERS - 1; n > 0; n--)
			for (int i = 0; i < n; i++)
				if (memcmp(&now.p[i], &now.p[i + 1], sizeof(now.p[i])) > 0) {
					struct sender p = now.p[i];

					now.p[i] = now.p[i + 1];
					now.p[i + 1] = p;
				}
	}
}

/* The supervisor. */
byte repair; /* its next step */
byte victim, s, tail_seen;
bool successor; /* of a supervisor that died: it settles all workers */

byte begun, accepted, done, deaths, abandons, hand_backs;
byte handing_back; /* workers between the two steps of it */
bool published[TASKS];
byte moving; /* processes in the midst of something */

#define ME w[_pid]
#define I p[_pid - WORKERS]
#define at(t) slot[(t) % SLOTS]
#define set(a_slot, a_state, a_worker, a_lap) \
	a_slot.state = a_state; \
	a_slot.worker = a_worker; \
	a_slot.payload = a_lap

/* The first ticket that a worker looks at. */
#define first (tail > SLOTS && head < tail - SLOTS -> tail - SLOTS : head)
/* Is slot n among the tickets that it looks at? */
#define in_reach(n) (first + (n + SLOTS - first % SLOTS) % SLOTS < tail)
#define ready(n) (slot[n].state == READY && in_reach(n))
/* What a submitter passes over: also tasks that wait since an earlier lap. */
#define skipped(t) (at(t).state == OWNED || at(t).state == READY || (at(t).state != FREE && at(t).payload == (t) / SLOTS))

#if SLOTS == 2
#define any_ready (ready(0) || ready(1))
#define all_in_reach ((slot[0].state != READY || in_reach(0)) && (slot[1].state != READY || in_reach(1)))
#define room (at(tail).state == FREE || (skipped(tail) && at(tail + 1).state == FREE))
#else
#define any_ready (ready(0) || ready(1) || ready(2))
#define all_in_reach \
	((slot[0].state != READY || in_reach(0)) && (slot[1].state != READY || in_reach(1)) && \
	 (slot[2].state != READY || in_reach(2)))
#define room \
	(at(tail).state == FREE || \
	 (skipped(tail) && (at(tail + 1).state == FREE || (skipped(tail + 1) && at(tail + 2).state == FREE))))
#endif

#define rest_worker(n) \
	w[n].next = REST; \
	w[n].head = 0; \
	w[n].end = 0; \
	w[n].t = 0; \
	w[n].passed = 0; \
	w[n].slot = 0; \
	w[n].clear = false; \
	w[n].won = false; \
	w[n].rewound = false

/* How far the last ticket of the slot is below head. */
#define back ((head + SLOTS - 1 - ME.slot) % SLOTS + 1)
/* Of workers that have not read head the mark makes no difference. */
#define mark(n) \
	if \
	:: w[n].next == SCAN || w[n].next == NAME || w[n].next == HEAD -> w[n].rewound = true \
	:: else \
	fi
inline lead_back()
{
	head = (head > back -> head - back : 0);
#ifndef LEAD_BACK_UNCOUNTED
	mark(0);
	mark(1);
#if WORKERS > 2
	mark(2);
#endif
#endif
}

active [WORKERS] proctype Worker()
{
end:
	do
	/*
	 * claim_below(). The tail that the worker saw last may be old: any value up to the present
	 * one.
	 */
	:: atomic {
		ME.next == REST && first < tail &&
			(any_ready || moving || at(first).state == FREE || at(first).state == OWNED) ->
		ME.end = tail;
		do
		:: ME.end > head + 1 -> ME.end--
		:: break
		od;
		d_step {
			moving++;
			ME.head = head;
			ME.t = (ME.end > SLOTS && head < ME.end - SLOTS -> ME.end - SLOTS : head);
			ME.passed = ME.t;
			ME.clear = true;
			ME.next = SCAN;
			c_code { sort(); }
		}
	}
	:: d_step {
		ME.next == SCAN ->
		if
		:: at(ME.t).state == READY ->
#ifdef NAME_AFTER_CLAIM
			set(at(ME.t), OWNED, NOBODY, at(ME.t).payload);
#else
			set(at(ME.t), OWNED, _pid, at(ME.t).payload);
#endif
			ME.slot = ME.t % SLOTS;
			ME.won = true
#ifndef BLIND_HEAD
		:: at(ME.t).state == FILLING -> ME.clear = false
#endif
		:: else
		fi;
		ME.t++;
		if
		:: ME.clear -> ME.passed = ME.t
		:: else
		fi;
		if
		:: ME.won || ME.t == ME.end ->
			if
#ifdef NAME_AFTER_CLAIM
			:: ME.won -> ME.next = NAME
#endif
			:: ME.passed > ME.head -> ME.next = HEAD
			:: else ->
				if
				:: ME.won -> ME.next = RUN
				:: else ->
					rest_worker(_pid);
					moving--
				fi
			fi;
			ME.t = 0;
			ME.end = 0;
			ME.clear = false
		:: else
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == NAME ->
		slot[ME.slot].worker = _pid;
		ME.next = (ME.passed > ME.head -> HEAD : RUN);
		c_code { sort(); }
	}
	:: d_step {
		ME.next == HEAD ->
		if
		:: head == ME.head && !ME.rewound -> head = ME.passed
		:: else
		fi;
		ME.head = 0;
		ME.passed = 0;
		ME.rewound = false;
		if
		:: ME.won -> ME.next = RUN
		:: else ->
			rest_worker(_pid);
			moving--
		fi;
		c_code { sort(); }
	}
	/* The task runs; its entry is published. */
	:: d_step {
		ME.next == RUN ->
		assert(!published[content[ME.slot]]);
		published[content[ME.slot]] = true;
		done++;
		ME.next = RELEASE;
		c_code { sort(); }
	}
	/* ring_hand_back(): the word, then head, whose load and CAS are one access. */
	:: d_step {
		ME.next == RUN && hand_backs < HAND_BACKS ->
		hand_backs++;
		handing_back++;
#ifdef LEAD_BACK_FIRST
		lead_back();
#else
		set(slot[ME.slot], READY, 0, slot[ME.slot].payload);
#endif
		ME.next = LEAD_BACK;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == LEAD_BACK ->
#ifdef LEAD_BACK_FIRST
		set(slot[ME.slot], READY, 0, slot[ME.slot].payload);
#elif !defined(NO_LEAD_BACK)
		lead_back();
#endif
		handing_back--;
		rest_worker(_pid);
		moving--;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == RELEASE ->
		assert(slot[ME.slot].state == OWNED && slot[ME.slot].worker == _pid);
		set(slot[ME.slot], FREE, 0, slot[ME.slot].payload + 1);
		rest_worker(_pid);
		moving--;
		c_code { sort(); }
	}
	od
}

#define rest_submitter() \
	I.next = REST; \
	I.seen = 0; \
	I.t = 0; \
	I.lap = 0; \
	moving--

active [SUBMITTERS] proctype Submitter()
{
end:
	do
	:: d_step {
		((I.next == REST && begun < TASKS) || I.next == AGAIN) && (room || moving) ->
		if
		:: I.next == REST -> begun++
		:: else
		fi;
		moving++;
		I.seen = tail;
		I.t = tail;
		I.next = FIND;
		c_code { sort(); }
	}
	/* find_free(), and FREE -> FILLING */
	:: d_step {
		I.next == FIND ->
		if
		:: at(I.t).state == FREE ->
			I.lap = at(I.t).payload;
			set(at(I.t), FILLING, NOBODY, I.t / SLOTS);
			I.next = TAIL
		:: at(I.t).state != FREE && skipped(I.t) && I.t + 1 < I.seen + SLOTS -> I.t++
		:: else ->
			rest_submitter();
			I.next = AGAIN
		fi;
		c_code { sort(); }
	}
	:: d_step {
		I.next == TAIL ->
		if
		:: tail == I.seen ->
			tail = I.t + 1;
			I.next = PUBLISH
#ifdef NO_GIVE_UP
		:: else -> I.next = PUBLISH
#else
		:: else -> I.next = GIVE_BACK
#endif
		fi;
		I.seen = 0;
		c_code { sort(); }
	}
	:: d_step {
		I.next == GIVE_BACK ->
		set(at(I.t), FREE, 0, I.lap);
		rest_submitter();
		I.next = AGAIN;
		c_code { sort(); }
	}
	:: d_step {
		I.next == PUBLISH ->
		content[I.t % SLOTS] = accepted;
		accepted++;
		set(at(I.t), READY, 0, I.t / SLOTS);
		rest_submitter();
		c_code { sort(); }
	}
	:: d_step {
		I.next == PUBLISH && abandons < ABANDONS ->
		abandons++;
		set(at(I.t), FREE, 0, I.t / SLOTS + 1);
		rest_submitter();
		I.next = AGAIN;
		c_code { sort(); }
	}
	od
}

#define die(n) \
	handing_back = handing_back - (w[n].next == LEAD_BACK); \
	if \
	:: w[n].next != REST && w[n].next != DEAD -> moving-- \
	:: else \
	fi; \
	rest_worker(n); \
	w[n].next = DEAD

#ifdef REWIND_FIRST
#define FIRST_STEP REWIND_TAIL
#else
#define FIRST_STEP SETTLE
#endif

/* recover() has ended for this victim. */
inline buried()
{
	tail_seen = 0;
	s = 0;
	if
	:: successor && victim + 1 < WORKERS ->
		victim++;
		repair = FIRST_STEP
	:: else ->
		for (victim : 0 .. WORKERS - 1) {
			if
			:: w[victim].next == DEAD -> w[victim].next = REST
			:: else
			fi
		}
		victim = 0;
		successor = false;
		repair = REST;
		moving--
	fi
}

/*
 * A worker that is dead and not yet noticed does the same as one that takes no step. So workers die
 * here when the supervisor notices; and when the supervisor dies, all do at once.
 */
active proctype Supervisor()
{
end:
	do
	:: atomic {
		repair == REST && deaths < DEATHS && done < TASKS ->
		if
		:: victim = 0
		:: WORKERS > 1 -> victim = 1
		:: WORKERS > 2 -> victim = 2
		fi;
		d_step {
			die(victim);
			deaths++;
			moving++;
			repair = FIRST_STEP;
			c_code { sort(); }
		}
	}
	:: d_step {
		deaths < DEATHS && done < TASKS ->
		if
		:: repair == REST -> moving++
		:: else
		fi;
		deaths++;
		for (victim : 0 .. WORKERS - 1) { die(victim) }
		successor = true;
		victim = 0;
		s = 0;
		tail_seen = 0;
		repair = FIRST_STEP;
		c_code { sort(); }
	}
	:: d_step {
		repair == SETTLE ->
		if
		:: slot[s].state == OWNED && slot[s].worker == victim ->
			if
			:: published[content[s]] -> set(slot[s], FREE, 0, slot[s].payload + 1)
			:: else -> set(slot[s], READY, 0, slot[s].payload)
			fi
		:: else
		fi;
		s++;
		if
		:: s < SLOTS
#if defined(REWIND_FIRST) || defined(NO_REWIND)
		:: else -> buried()
#else
		:: else -> repair = REWIND_TAIL
#endif
		fi;
		c_code { sort(); }
	}
	:: d_step {
		repair == REWIND_TAIL ->
		s = 0;
		tail_seen = tail;
		repair = REWIND_HEAD;
		c_code { sort(); }
	}
	:: d_step {
		repair == REWIND_HEAD ->
		head = (tail_seen > SLOTS -> tail_seen - SLOTS : 0);
#ifndef REWIND_UNCOUNTED
		/* Only of those that have read it: to the others it makes no difference. */
		for (s : 0 .. WORKERS - 1) {
			if
			:: w[s].next == SCAN || w[s].next == NAME || w[s].next == HEAD -> w[s].rewound = true
			:: else
			fi
		}
#endif
#ifdef REWIND_FIRST
		s = 0;
		tail_seen = 0;
		repair = SETTLE
#else
		buried()
#endif
		;
		c_code { sort(); }
	}
	od
}

/*
 * Every task that waits can be found, unless a repair is under way, or it is just handed back. And
 * a task of the tail's own ticket is never READY: a worker that finds the next ticket's slot READY
 * may take the tail to be behind it, see ring_claim_next().
 */
active proctype Reach()
{
end:
	if
	:: repair == REST && !handing_back && !all_in_reach -> assert(false)
	:: at(tail).state == READY && at(tail).payload == tail / SLOTS -> assert(false)
	fi
}

/* A process that is stuck before that leaves an invalid end state. */
active proctype End()
{
	done == TASKS && moving == 0
}
