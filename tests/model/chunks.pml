/*
 * chunks.pml - dense batches: work/chunk.c, share.c, settle.c. A map of CHUNKS chunks of SIZE
 * positions, cut into SHARES shares.
 *
 * WORKERS workers accept invitations, walk their share, steal any number of chunks at a time from
 * the others, and run each position of the chunks that they claim. Up to DEATHS times a worker dies
 * after any of its steps, or the supervisor does, and all workers with it. A position fails after
 * MAX_ATTEMPTS deaths with it in hand. Invitations lie in a perfect ring, and nobody sleeps here:
 * see ring.pml and wake.pml.
 *
 * Steps, deaths and the sorting of workers are as in ring.pml.
 *
 * Checked: no position runs again but the one that was in hand at a death; one fails only after
 * MAX_ATTEMPTS deaths with it in hand; a chunk is DONE when all its positions have been run or have
 * failed; in the end all chunks are DONE and no invitation is left.
 */
#include "word.pml"

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SHARES
#define SHARES 2
#endif
#ifndef CHUNKS
#define CHUNKS 2
#endif
#ifndef SIZE
#define SIZE 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef MAX_ATTEMPTS
#define MAX_ATTEMPTS 2
#endif

#define POSITIONS (CHUNKS * SIZE)
#define NONE 15

/* What a process does next. */
#define REST 0
#define DEAD 1
#define WALK 2
#define MEET_BACK 3
#define MOVE_FRONT 4
#define STEAL 5
#define MEET_FRONT 6
#define MOVE_BACK 7
#define SWEEP 8
#define TRY 9
#define TAKE 10
#define RUN 11
#define PUBLISH 12
#define RELEASE 13
#define SETTLE 14
#define RETURN 15

/* Which way a worker goes on after a chunk. */
#define WALKING 0
#define STEALING 1
#define SWEEPING 2

typedef runner {
	unsigned next : 4;
	unsigned way : 2;
	unsigned share : 2;  /* of its invitation */
	unsigned stolen : 2; /* shares */
	unsigned left : 2;   /* chunks that are stolen and not tried, below c */
	unsigned c : 4;      /* a chunk */
	unsigned at : 4;     /* a position */
	unsigned cursor : 4;
	unsigned ran : 1 /* the position in hand was run to its end: nobody else knows */
}

word slot[SHARES];
word chunk[CHUNKS];
byte front[SHARES], back[SHARES];
runner w[WORKERS];

bool has_run[POSITIONS], failed[POSITIONS];
byte died[POSITIONS];

/* The supervisor. */
unsigned repair : 4;
unsigned victim : 2;
unsigned s : 2;
unsigned c : 4;
bool successor;
byte deaths;

#define ME w[_pid]
#define EACH (CHUNKS / SHARES)
#define REST_OF (CHUNKS % SHARES)
#define range_begin(a_share) ((a_share) * EACH + ((a_share) < REST_OF -> (a_share) : REST_OF))
#define owned_by(a_word, n) (a_word.state == OWNED && a_word.worker == n)
#define invited(n) (slot[n].state == READY)
#if SHARES == 1
#define any_invitation invited(0)
#elif SHARES == 2
#define any_invitation (invited(0) || invited(1))
#else
#define any_invitation (invited(0) || invited(1) || invited(2))
#endif

/* Workers are alike: states that differ only in who is who count as one. */
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
		for (int i = 0; i < SHARES; i++)
			if (now.slot[i].state == OWNED)
				now.slot[i].worker = exchanged(now.slot[i].worker, a, b);
		for (int i = 0; i < CHUNKS; i++)
			if (now.chunk[i].state == OWNED)
				now.chunk[i].worker = exchanged(now.chunk[i].worker, a, b);
		if (now.repair != REST)
			now.victim = exchanged(now.victim, a, b);
	}

	static void sort(void)
	{
		/* A successor goes through the workers by their numbers; all are dead then. */
		if (now.successor)
			return;
		for (int n = WORKERS - 1; n > 0; n--)
			for (int i = 0; i < n; i++)
				if (memcmp(&now.w[i], &now.w[i + 1], sizeof(now.w[i])) > 0)
					swap_workers(i, i + 1);
	}
}

#define rest(n) \
	w[n].way = 0; \
	w[n].share = 0; \
	w[n].stolen = 0; \
	w[n].left = 0; \
	w[n].c = 0; \
	w[n].at = 0; \
	w[n].ran = 0; \
	w[n].next = REST

/* The next chunk on its way. */
#define go_on() \
	ME.at = 0; \
	if \
	:: ME.way == WALKING -> \
		ME.c++; \
		ME.next = MEET_BACK \
	:: ME.way == STEALING && ME.left > 0 -> \
		ME.c--; \
		ME.left--; \
		ME.next = TRY \
	:: ME.way == STEALING && ME.left == 0 -> ME.next = STEAL \
	:: else -> \
		ME.c++; \
		ME.next = SWEEP \
	fi

#define steal_next() \
	ME.c = 0; \
	ME.stolen++; \
	ME.next = (ME.stolen == SHARES -> RELEASE : STEAL)

#define other ((ME.share + ME.stolen) % SHARES)

active [WORKERS] proctype Worker()
{
	byte n;

end:
	do
	:: atomic {
		ME.next == REST && any_invitation ->
		do
		:: n + 1 < SHARES -> n++
		:: break
		od;
		d_step {
			if
			:: slot[n].state == READY ->
				slot[n].state = OWNED;
				slot[n].worker = _pid;
				slot[n].attempt++;
				ME.share = n;
				ME.cursor = NONE;
#ifdef NO_SWEEP
				ME.next = WALK
#else
				ME.next = (slot[n].attempt > 1 -> SWEEP : WALK);
				ME.way = (slot[n].attempt > 1 -> SWEEPING : WALKING)
#endif
			:: else
			fi;
			n = 0;
			c_code { sort(); }
		}
	}
	/* walk_own_range() */
	:: d_step {
		ME.next == WALK ->
		ME.c = front[ME.share];
		ME.next = MEET_BACK;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == MEET_BACK ->
		if
		:: ME.c < range_begin(ME.share + 1) && ME.c < back[ME.share] -> ME.next = MOVE_FRONT
		:: else ->
			ME.way = STEALING;
			steal_next()
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == MOVE_FRONT ->
		front[ME.share] = ME.c + 1;
		ME.next = TRY;
		c_code { sort(); }
	}
	/* steal() */
	:: d_step {
		ME.next == STEAL ->
		ME.c = back[other];
		ME.next = MEET_FRONT;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == MEET_FRONT ->
		if
		:: ME.c <= front[other] -> steal_next()
		:: else ->
			ME.left = 0;
			ME.next = MOVE_BACK
		fi;
		c_code { sort(); }
	}
	/* More than one, by a choice that nothing shared decides. */
	:: d_step {
		ME.next == MEET_FRONT && ME.c > front[other] + 1 ->
		ME.left = 1;
		ME.next = MOVE_BACK;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == MEET_FRONT && ME.c > front[other] + 2 ->
		ME.left = 2;
		ME.next = MOVE_BACK;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == MOVE_BACK ->
		if
		:: back[other] == ME.c ->
			back[other] = ME.c - 1 - ME.left;
			ME.c--;
			ME.next = TRY
		:: else ->
			ME.c = 0;
			ME.left = 0;
			ME.next = STEAL
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == SWEEP ->
		ME.next = (ME.c == CHUNKS -> RELEASE : TRY);
		c_code { sort(); }
	}
	/* try_chunk() */
	:: d_step {
		ME.next == TRY ->
		if
		:: chunk[ME.c].state == READY ->
			chunk[ME.c].state = OWNED;
			chunk[ME.c].worker = _pid;
			chunk[ME.c].attempt++;
			ME.at = ME.c * SIZE + chunk[ME.c].payload;
			ME.next = TAKE
		:: else -> go_on()
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == TAKE ->
#ifndef CURSOR_LATE
		ME.cursor = ME.at;
#endif
		ME.ran = 0;
		ME.next = RUN;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == RUN ->
		assert(!has_run[ME.at] && !failed[ME.at]);
		has_run[ME.at] = true;
#ifdef CURSOR_LATE
		ME.cursor = ME.at;
#endif
		ME.ran = 1;
		if
		:: ME.at + 1 == (ME.c + 1) * SIZE -> ME.next = PUBLISH
		:: else ->
			ME.at++;
			ME.next = TAKE
		fi;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == PUBLISH ->
		assert(owned_by(chunk[ME.c], _pid));
		for (n : ME.c * SIZE .. (ME.c + 1) * SIZE - 1) {
			assert(has_run[n] != failed[n])
		}
		n = 0;
		chunk[ME.c].state = DONE;
		chunk[ME.c].worker = 0;
		chunk[ME.c].attempt = 0;
		chunk[ME.c].payload = 0;
		ME.ran = 0;
		go_on();
		c_code { sort(); }
	}
	:: d_step {
		ME.next == RELEASE ->
		assert(owned_by(slot[ME.share], _pid));
		slot[ME.share].state = FREE;
		slot[ME.share].worker = 0;
		slot[ME.share].attempt = 0;
		rest(_pid);
		ME.cursor = NONE;
		c_code { sort(); }
	}
	od
}

/* A position is in hand until the next one is taken in hand. */
#define in_hand(n) (w[n].next == TAKE && w[n].ran -> w[n].at - 1 : w[n].at)

/* What it had in hand may run again. Its private memory is gone; its cursor stays. */
#define die(n, is_guilty) \
	if \
	:: w[n].next == TAKE || w[n].next == RUN || w[n].next == PUBLISH -> \
		has_run[in_hand(n)] = false; \
		died[in_hand(n)] = died[in_hand(n)] + is_guilty \
	:: else \
	fi; \
	rest(n); \
	w[n].next = DEAD

inline next_share()
{
	c = 0;
	s++;
	repair = SETTLE;
	if
	:: s == SHARES ->
		s = 0;
		if
		:: successor && victim + 1 < WORKERS -> victim++
		:: else ->
			for (victim : 0 .. WORKERS - 1) {
				if
				:: w[victim].next == DEAD ->
					rest(victim);
					w[victim].cursor = NONE
				:: else
				fi
			}
			victim = 0;
			successor = false;
			repair = REST
		fi
	:: else
	fi
}

#define return_invitation() \
	slot[s].state = READY; \
	slot[s].worker = 0; \
	slot[s].attempt = 1

#define begin (c * SIZE)
#define cursor_of w[victim].cursor
#ifdef NO_CURSOR
#define hand chunk[c].payload
#else
#define hand \
	(cursor_of >= begin + chunk[c].payload && cursor_of < begin + SIZE -> cursor_of - begin : chunk[c].payload)
#endif

active proctype Supervisor()
{
	byte n, attempts;

end:
	do
	:: atomic {
		repair == REST && deaths < DEATHS ->
		do
		:: n + 1 < WORKERS -> n++
		:: break
		od;
		d_step {
			deaths++;
			victim = n;
			die(victim, 1);
			repair = SETTLE;
			n = 0;
			c_code { sort(); }
		}
	}
	:: d_step {
		deaths < DEATHS ->
		deaths++;
		for (n : 0 .. WORKERS - 1) {
			if
			:: w[n].next != DEAD -> die(n, 0)
			:: else
			fi
		}
		n = 0;
		victim = 0;
		s = 0;
		c = 0;
		successor = true;
		repair = SETTLE;
		c_code { sort(); }
	}
	/* settle_share() and blame.c */
	:: d_step {
		repair == SETTLE ->
		if
		:: !owned_by(slot[s], victim) && c == 0 -> next_share()
		:: else ->
#ifdef RETURN_FIRST
			if
			:: c == 0 -> return_invitation()
			:: else
			fi;
#endif
			if
			:: owned_by(chunk[c], victim) ->
				n = hand;
				attempts = (n == chunk[c].payload -> chunk[c].attempt : 1);
				chunk[c].worker = 0;
				if
				:: successor || attempts < MAX_ATTEMPTS ->
					chunk[c].state = READY;
					chunk[c].attempt = attempts - successor;
					chunk[c].payload = n
				:: else ->
					assert(died[begin + n] >= MAX_ATTEMPTS);
					failed[begin + n] = true;
					chunk[c].attempt = 0;
					chunk[c].payload = n + 1;
					chunk[c].state = READY;
					if
					:: n + 1 == SIZE ->
						chunk[c].payload = 0;
						chunk[c].state = DONE
					:: else
					fi
				fi
			:: else
			fi;
			n = 0;
			attempts = 0;
			c++;
			if
#ifdef RETURN_FIRST
			:: c == CHUNKS -> next_share()
#else
			:: c == CHUNKS -> repair = RETURN
#endif
			:: else
			fi
		fi;
		c_code { sort(); }
	}
	:: d_step {
		repair == RETURN ->
		return_invitation();
		next_share();
		c_code { sort(); }
	}
	od
}

active proctype Batch()
{
	byte n;

	d_step {
		for (n : 0 .. WORKERS - 1) {
			w[n].cursor = NONE
		}
		for (n : 0 .. CHUNKS - 1) {
			chunk[n].state = READY
		}
		for (n : 0 .. SHARES - 1) {
			front[n] = range_begin(n);
			back[n] = range_begin(n + 1);
			slot[n].state = READY
		}
		n = 0
	}
	/* A process that is stuck before the end leaves an invalid end state. */
	do
	:: n < CHUNKS ->
		chunk[n].state == DONE;
		n++
	:: else -> break
	od;
	n = 0;
	do
	:: n < SHARES ->
		slot[n].state == FREE;
		n++
	:: else -> break
	od
}
