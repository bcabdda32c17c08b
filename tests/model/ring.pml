/*
 * ring.pml - a model of the ring, the doorbells and the recovery: lib/queue/ring.c, doorbell.c, lib/pool/worker.c, recover.c.
 *
 * Submitters (threads of the owner) put TASKS tasks through a ring of SLOTS slots; WORKERS workers claim, publish and release them;
 * a killer ends up to DEATHS workers after any statement; the supervisor repairs and replaces. Every access to a shared word is one
 * step, in the order of the C. Memory is sequentially consistent: the C asks for that (seq_cst) wherever two words are involved.
 *
 * Checked: each task is published exactly once, and nobody waits for ever (no invalid end state). ring.sh runs it without deaths, to the
 * end, and mutants that have to be caught: -DNO_RECHECK (a worker sleeps without a second look), -DNO_GIVE_UP (a submitter keeps a ticket
 * that others have passed), -DBLIND_HEAD (the head passes slots that are being filled). With -DDEATHS=1 the search found nothing in its
 * first 71 million states, but did not come to an end; its mutants -DNO_REWIND (head is not set back), -DNO_HEAL (nobody is rung after a
 * death) and -DLATE_OWNER (the owner is named in a second step after the claim) await a smaller state space.
 */
#ifndef TASKS
#define TASKS 2
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef DEATHS
#define DEATHS 0
#endif

#define FREE 0
#define FILLING 1
#define READY 2
#define OWNED 3
#define NOBODY 15

/* One word each: state, owner and lap change together. */
typedef word {
	byte state;
	byte owner;
	byte lap;
};
word slot[SLOTS];
byte content[SLOTS]; /* the task in a slot */

byte tail, head, rewinds;
bool asleep[WORKERS];
byte token[WORKERS];
bool alive[WORKERS];
bool buried[WORKERS];

byte published[TASKS];
byte next_task; /* the submitters share the work */
byte done;
byte deaths;

#define copy(s, state_, owner_, lap_) \
	slot[s].state = state_; slot[s].owner = owner_; slot[s].lap = lap_

inline ring_one(w)
{
	/* The poster takes the bit, then posts: two steps. */
	w = 0;
	do
	:: w < WORKERS ->
		if
		:: atomic { asleep[w] -> asleep[w] = false } ; token[w]++; break
		:: else -> w++
		fi
	:: else -> break
	od
}

proctype Submitter()
{
	byte task, t, seen, w, lap, state;
	bool retry;

	do
	:: atomic { next_task < TASKS -> task = next_task; next_task++ }
take:
		seen = tail;
		t = seen;
		retry = false;
		/* find_free() */
		do
		:: t < seen + SLOTS ->
			atomic {
				state = slot[t % SLOTS].state;
				lap = slot[t % SLOTS].lap;
			}
			if
			:: state == FREE -> break
			:: state == OWNED || (state != FREE && lap == t / SLOTS) -> t++
			:: else -> retry = true; break
			fi
		:: else -> retry = true; break
		od;
		if
		:: retry ->
			/* Full: the C sleeps on a doorbell and looks again at the latest after 100 ms. Here: until some slot changes. */
			(slot[t % SLOTS].state == FREE || slot[t % SLOTS].state == OWNED || tail != seen);
			goto take
		:: else
		fi;
		/* FREE -> FILLING */
		if
		:: atomic { slot[t % SLOTS].state == FREE && slot[t % SLOTS].lap == lap ->
			copy(t % SLOTS, FILLING, NOBODY, t / SLOTS) }
		:: atomic { else -> goto take }
		fi;
		/* tail: seen -> t + 1 */
		if
		:: atomic { tail == seen -> tail = t + 1 }
		:: atomic { else -> skip }
#ifndef NO_GIVE_UP
			atomic { copy(t % SLOTS, FREE, NOBODY, lap) };
			goto take
#endif
		fi;
		content[t % SLOTS] = task;
		atomic { copy(t % SLOTS, READY, NOBODY, t / SLOTS) };
		ring_one(w);
		atomic { task = 0; t = 0; seen = 0; w = 0; lap = 0; state = 0; retry = false }
	:: next_task == TASKS -> break
	od
}

/* claim_below() with a tail just read; sets won and s. */
inline claim()
{
	won = false;
	h = head;
	hr = rewinds;
	end = tail;
	t = h;
	if
	:: end > SLOTS && t < end - SLOTS -> t = end - SLOTS
	:: else
	fi;
	passed = t;
	clear = true;
	do
	:: t < end && !won ->
		s = t % SLOTS;
		if
		:: atomic { slot[s].state == READY ->
#ifdef LATE_OWNER
			slot[s].state = OWNED; slot[s].owner = NOBODY; won = true }; slot[s].owner = me
#else
			slot[s].state = OWNED; slot[s].owner = me; won = true }
#endif
#ifndef BLIND_HEAD
		:: atomic { slot[s].state == FILLING -> clear = false }
		:: atomic { slot[s].state == FREE || slot[s].state == OWNED -> skip }
#else
		:: atomic { slot[s].state != READY -> skip }
#endif
		fi;
		t++;
		if
		:: clear -> passed = t
		:: else
		fi
	:: else -> break
	od;
	atomic {
		if
		:: passed > h && head == h && rewinds == hr -> head = passed
		:: else
		fi;
		h = 0; hr = 0; end = 0; t = 0; passed = 0; clear = false
	}
}

proctype Worker(byte me)
{
	byte h, hr, end, t, s, passed, task;
	bool won, clear;

	{
	do
	:: done == TASKS -> break
	:: else ->
		claim();
		if
		:: won -> goto execute
		:: else
		fi;
		asleep[me] = true;
#ifndef NO_RECHECK
		claim();
		if
		:: won -> asleep[me] = false; goto execute
		:: else
		fi;
#endif
		(token[me] > 0 || done == TASKS);
		atomic { if :: token[me] > 0 -> token[me]-- :: else fi };
		asleep[me] = false;
		goto again;
execute:
		task = content[s];
		/* The task runs; then READY -> DONE of its entry, once. */
		atomic {
			if
			:: published[task] == 0 -> published[task]++; done++
			:: else -> assert(deaths > 0)
			fi
		};
		/* OWNED -> FREE */
		atomic { assert(slot[s].state == OWNED && slot[s].owner == me); copy(s, FREE, NOBODY, slot[s].lap + 1) };
again:
		skip;
		atomic { s = 0; task = 0; won = false }
	od
	} unless { !alive[me] }
}

/* Kills a worker after any of its steps. */
proctype Killer()
{
	byte w;

	do
	:: deaths < DEATHS && done < TASKS ->
		if
		:: w = 0
		:: WORKERS > 1 -> w = 1
		:: WORKERS > 2 -> w = 2
		fi;
		atomic {
			if
			:: alive[w] -> alive[w] = false; buried[w] = false; deaths++
			:: else
			fi
		}
	:: break
	od
}

proctype Supervisor()
{
	byte w, s, t, i;

	do
	:: done == TASKS -> break
	:: atomic { !alive[0] && !buried[0] -> w = 0 }; goto repair
#if WORKERS > 1
	:: atomic { !alive[1] && !buried[1] -> w = 1 }; goto repair
#endif
#if WORKERS > 2
	:: atomic { !alive[2] && !buried[2] -> w = 2 }; goto repair
#endif
	;
repair:
		/* recover() */
		s = 0;
		do
		:: s < SLOTS ->
			if
			:: slot[s].state == OWNED && slot[s].owner == w ->
				if
				:: published[content[s]] -> atomic { copy(s, FREE, NOBODY, slot[s].lap + 1) }
				:: else -> atomic { copy(s, READY, NOBODY, slot[s].lap) }
				fi
			:: else
			fi;
			s++
		:: else -> break
		od;
#ifndef NO_REWIND
		t = tail;
		atomic {
			rewinds++;
			head = (t > SLOTS -> t - SLOTS : 0)
		};
#endif
		asleep[w] = false;
#ifndef NO_HEAL
		i = 0;
		do
		:: i < WORKERS -> token[i]++; i++
		:: else -> break
		od;
#endif
		/* Reap; the successor has a fresh semaphore. */
		atomic { token[w] = 0; buried[w] = true; alive[w] = true; run Worker(w); w = 0; s = 0; t = 0; i = 0 }
	od
}

init {
	byte i;

	atomic {
		for (i : 0 .. WORKERS - 1) { alive[i] = true; buried[i] = true };
		for (i : 0 .. WORKERS - 1) { run Worker(i) };
		for (i : 1 .. SUBMITTERS) { run Submitter() };
		run Supervisor();
		run Killer()
	};
	/* Everything ends: the batch is complete, each task published once. */
	done == TASKS;
	for (i : 0 .. TASKS - 1) { assert(published[i] == 1) }
}
