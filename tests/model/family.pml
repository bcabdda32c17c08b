/*
 * family.pml - who leads a pool when its supervisor dies: lib/pool/spare.c and lib/pool/family.c,
 * searched state by state.
 *
 * Processes of a family are numbered by their forks; each is the spare of the one that forked it,
 * and may become supervisor. The kernel drops a dead process's locks at once, and kills a dead
 * supervisor's workers some time later. The owner looks whenever it likes. Held in every state:
 * words are repaired by one process at a time, and only when no worker lives; and no family that
 * leads itself is ended.
 *
 *   DEATHS     of supervisors and spares, at any step
 *   PROCESSES  that may be forked; enough of them, or the search says so
 *
 * Mutants, each of which has to be caught:
 *   READS_APART    the owner asks for the supervisor's lock, and then for the spares'
 *   NO_CREW_WAIT   a spare does not wait for the end of the dead supervisor's workers
 *   OWNER_HASTY    the owner does not wait for the end of the family that it replaces
 *   NO_LOCK        a spare takes over without the supervisor's lock
 */
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef PROCESSES
#define PROCESSES 6
#endif
#define NOBODY 255

byte forked = 0;           /* processes so far */
byte deaths = 0;
bool alive[PROCESSES];
bool crew[PROCESSES];      /* workers of this supervisor live */
bool leads[PROCESSES];     /* it repairs words, or supervises */
byte other;
byte supervisor = NOBODY;  /* who has the lock */
byte spare[2] = NOBODY;    /* who has one of the two */

inline drop_locks(p)
{
	if
	:: supervisor == p -> supervisor = NOBODY
	:: else
	fi;
	if
	:: spare[0] == p -> spare[0] = NOBODY
	:: else
	fi;
	if
	:: spare[1] == p -> spare[1] = NOBODY
	:: else
	fi
}

inline die(p)
{
	alive[p] = false;
	leads[p] = false;
	drop_locks(p)
}

/*
 * Everything of a process but its end happens only while it lives: a guard in front of each step.
 */
#define LIVE(p) alive[p]

proctype Process(byte me; byte parent; bit side)
{
	byte child = NOBODY;

	if
	:: parent == NOBODY -> goto first
	:: else
	fi;
	/* SPARE1 */
	if
	:: atomic { LIVE(me) && spare[side] == NOBODY -> spare[side] = me }
	:: !LIVE(me) -> goto end
	fi;
	/* SPARE2 */
	if
	:: LIVE(me) && !alive[parent]
	:: !LIVE(me) -> goto end
	fi;
#ifndef NO_CREW_WAIT
	/* SPARE3 */
	if
	:: LIVE(me) && !crew[parent]
	:: !LIVE(me) -> goto end
	fi;
#endif
	side = 1 - side;
	if
	:: atomic { LIVE(me) ->
		assert(forked < PROCESSES);
		child = forked; forked++; alive[child] = true;
		run Process(child, me, side) }
	:: !LIVE(me) -> goto end
	fi;
	/* SPARE4 */
	if
	:: LIVE(me) && (spare[side] == child || !alive[child])
	:: !LIVE(me) -> goto end
	fi;
	/* SPARE5 */
#ifndef NO_LOCK
	if
	:: atomic { LIVE(me) && supervisor == NOBODY -> supervisor = me }
	:: !LIVE(me) -> goto end
	fi;
#endif
	if
	:: atomic { LIVE(me) -> if :: spare[1 - side] == me -> spare[1 - side] = NOBODY :: else fi }
	:: !LIVE(me) -> goto end
	fi;
	goto lead;
first:
	if
	:: atomic { LIVE(me) && supervisor == NOBODY -> supervisor = me }
	:: !LIVE(me) -> goto end
	fi;
	if
	:: atomic { LIVE(me) ->
		assert(forked < PROCESSES);
		child = forked; forked++; alive[child] = true;
		run Process(child, me, side) }
	:: !LIVE(me) -> goto end
	fi;
lead:
	/* Repairs: no worker may live, and nobody else may be at it. */
	if
	:: atomic { LIVE(me) ->
		leads[me] = true;
		for (other : 0 .. PROCESSES - 1) {
			assert(!crew[other]);
			assert(other == me || !leads[other])
		} }
	:: !LIVE(me) -> goto end
	fi;
	if
	:: atomic { LIVE(me) -> crew[me] = true }
	:: !LIVE(me) -> goto end
	fi;
	do
	:: atomic { LIVE(me) && !alive[child] ->
		assert(forked < PROCESSES);
		child = forked; forked++; alive[child] = true;
		run Process(child, me, side) }
	:: !LIVE(me) -> goto end
	od;
end:
	skip
}

/* The kernel: workers end some time after their supervisor. */
active proctype Kernel()
{
end:
	do
	:: atomic { crew[0] && !alive[0] -> crew[0] = false }
	:: atomic { crew[1] && !alive[1] -> crew[1] = false }
	:: atomic { crew[2] && !alive[2] -> crew[2] = false }
	:: atomic { crew[3] && !alive[3] -> crew[3] = false }
#if PROCESSES > 4
	:: atomic { crew[4] && !alive[4] -> crew[4] = false }
	:: atomic { crew[5] && !alive[5] -> crew[5] = false }
#endif
#if PROCESSES > 6
	:: atomic { crew[6] && !alive[6] -> crew[6] = false }
	:: atomic { crew[7] && !alive[7] -> crew[7] = false }
#endif
	od
}

/* Kills anybody, at any time. */
active proctype Killer()
{
	byte victim;

end:
	do
	:: atomic { deaths < DEATHS && forked > 0 ->
		select(victim : 0 .. PROCESSES - 1);
		if
		:: alive[victim] -> die(victim); deaths++
		:: else
		fi }
	od
}

active proctype Owner()
{
	byte p, first; /* its child */
	bool led;

	atomic { forked = 1; alive[0] = true; run Process(0, NOBODY, 0) };
end:
	do
	:: atomic { deaths > 0 ->
		led = supervisor != NOBODY;
#ifdef READS_APART
		}
		/* The first supervisor, if it has no lock yet, is the owner's child. */
		if
		:: atomic { !led && spare[0] == NOBODY && spare[1] == NOBODY && !alive[first] -> led = false }
		:: else -> led = true
		fi;
		atomic { true ->
#else
		led = led || spare[0] != NOBODY || spare[1] != NOBODY || alive[first];
#endif
		if
		:: led
		:: else ->
			/* All of the group are killed. */
			for (p : 0 .. PROCESSES - 1) {
				if
				:: alive[p] ->
					/* nobody takes a family for dead that leads itself */
					assert(!leads[p]);
					die(p)
				:: else
				fi
			}
		fi }
		if
		:: led
		:: else ->
#ifndef OWNER_HASTY
			/* The end of the family's pipe. */
			!crew[0] && !crew[1] && !crew[2] && !crew[3];
#if PROCESSES > 4
			!crew[4] && !crew[5];
#endif
#if PROCESSES > 6
			!crew[6] && !crew[7];
#endif
#endif
			atomic {
				assert(forked < PROCESSES);
				alive[forked] = true;
				first = forked; forked++;
				run Process(first, NOBODY, 0)
			}
		fi
	od
}
