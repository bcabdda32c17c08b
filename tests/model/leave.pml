/*
 * leave.pml - workers that leave of their own accord (lib/pool/worker.c, lib/pool/deaths.c), while
 * a submitter hands out tasks and wakes those that sleep.
 *
 * WORKERS workers run TASKS tasks. A worker may have to leave, LEAVES times in all. Then it claims
 * nothing more, rings all that sleep, stores `leaving` and ends. Up to DEATHS times a worker dies
 * after any of its steps. The supervisor reaps it, returns what it had in hand, rings everybody,
 * and forks a successor if the seat is one of the first WANTED. So a seat may stay empty, as in a
 * pool that shrinks. A submitter rings nobody if a worker seems to look for a task.
 *
 * Each option of a process is one access to a shared word. A load and the compare-and-swap on what
 * it gave are one access. How a worker ended is the kernel's word, and no shared memory.
 *
 * Checked: each task is done, so that none is READY while all sleep; a worker that stores `leaving`
 * has nothing in hand; the deaths that are counted are those that were.
 */
#ifndef WORKERS
#define WORKERS 3
#endif
#ifndef WANTED
#define WANTED 1
#endif
#ifndef TASKS
#define TASKS 3
#endif
#ifndef LEAVES
#define LEAVES 3
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

/* What a worker does next. */
#define CLAIM 0    /* awake, and it may have to leave */
#define RUN 1
#define SPIN 2     /* says that it looks */
#define LOOK 3
#define STOP 4     /* says that it no longer looks */
#define ANNOUNCE 5
#define RECHECK 6
#define SLEEP 7
#define PASS_ON 8  /* a wake-up was spent on it, and it sleeps no more */
#define RING 9     /* it leaves: those that sleep */
#define TELL 10    /* leaving */
#define LAST 11    /* it has told so, and ends */
#define GONE 12
#define NOBODY 13  /* the seat is empty */
#define HALF 14    /* of a mutant */

/* Shared memory. */
byte ready, done;
bool hand[WORKERS];    /* the slot is OWNED by the worker */
bool sleeps[WORKERS];  /* announced */
bool looks[WORKERS];
bool leaving[WORKERS];
byte tokens[WORKERS];  /* at most one counts */
byte counted;

/* Of the processes. */
byte next[WORKERS];
bool wish[WORKERS];
bool killed[WORKERS];  /* the kernel's word */
byte submitted, leaves, deaths;
bool told;             /* the submitter has published and not rung yet */
bool repaired, rung;
byte victim = WORKERS;

inline ring_one()
{
	/*
	 * The lowest announced one, as workers_ring(). Not in one step with the post, but a poster
	 * that dies in between is no worker here, or its seat is healed.
	 */
	n = 0;
	do
	:: n < WORKERS && !sleeps[n] -> n++
	:: else -> break
	od;
	if
	:: n < WORKERS -> sleeps[n] = false; tokens[n] = 1
	:: else
	fi;
	n = 0
}

inline ring_sleepers()
{
	n = 0;
	do
	:: n < WORKERS ->
		if
		:: sleeps[n] -> sleeps[n] = false; tokens[n] = 1
		:: else
		fi;
		n++
	:: else -> break
	od;
	n = 0
}

inline ring_all()
{
	n = 0;
	do
	:: n < WORKERS -> tokens[n] = 1; n++
	:: else -> break
	od;
	n = 0
}

#define ME next[_pid]
#define anyone_looks \
	(looks[0] || (WORKERS > 1 && looks[WORKERS - 1]) || (WORKERS > 2 && looks[1]))

active [WORKERS] proctype Worker()
{
	byte n;

end:
	do
	:: d_step {
		ME == CLAIM ->
		if
		:: wish[_pid] -> ME = RING
		:: !wish[_pid] && ready > 0 -> ready--; hand[_pid] = true; ME = RUN
		:: else -> ME = SPIN
		fi
	}
	:: atomic {
		ME == RUN ->
		assert(hand[_pid] && !leaving[_pid]);
		if
		:: leaves < LEAVES -> leaves++; wish[_pid] = true
#ifdef TRUST
			; leaving[_pid] = true; ME = HALF
#endif
		:: true
		fi;
#ifdef TRUST
		if
		:: ME != RUN -> skip
		:: else -> hand[_pid] = false; done++; ME = CLAIM
		fi
#else
		hand[_pid] = false;
		done++;
		ME = CLAIM
#endif
	}
#ifdef TRUST
	:: d_step { ME == HALF -> hand[_pid] = false; done++; ME = CLAIM }
#endif
	:: d_step { ME == SPIN -> looks[_pid] = true; ME = LOOK }
	:: d_step {
		ME == LOOK ->
		if
		:: ready > 0 -> ready--; hand[_pid] = true; looks[_pid] = false; ME = RUN
		:: else -> ME = STOP
		fi
	}
	/* It may be told to leave meanwhile, or in its sleep: the pool shrinks, or it is idle. */
	:: d_step { ME == LOOK && leaves < LEAVES -> leaves++; wish[_pid] = true; ME = STOP }
	:: d_step { ME == STOP -> looks[_pid] = false; ME = (wish[_pid] -> RING : ANNOUNCE) }
	:: d_step { ME == ANNOUNCE -> sleeps[_pid] = true; ME = RECHECK }
	:: d_step {
		ME == RECHECK ->
		if
		:: ready > 0 ->
			/* It claims, and then retracts. */
			ready--;
			hand[_pid] = true;
			ME = (sleeps[_pid] -> RUN : PASS_ON);
			sleeps[_pid] = false
		:: else -> ME = SLEEP
		fi
	}
	:: d_step { ME == PASS_ON -> ring_one(); ME = RUN }
	:: d_step {
		ME == SLEEP && tokens[_pid] ->
		tokens[_pid] = 0;
		sleeps[_pid] = false;
		ME = CLAIM
	}
	:: d_step {
		ME == SLEEP && leaves < LEAVES ->
		leaves++;
		wish[_pid] = true;
		sleeps[_pid] = false;
		ME = CLAIM
	}
	:: d_step {
		ME == RING ->
#ifndef LEAVE_SILENT
		ring_sleepers();
#endif
		ME = TELL
	}
	:: d_step {
		ME == TELL ->
		assert(!hand[_pid] && !sleeps[_pid] && !looks[_pid]);
		leaving[_pid] = true;
		ME = LAST
	}
	:: d_step { ME == LAST -> ME = GONE }
	/* It dies, also after it has told that it leaves. */
	:: d_step {
		ME != NOBODY && ME != GONE && deaths < DEATHS ->
		deaths++;
		killed[_pid] = true;
		ME = GONE
	}
	od
}

active proctype Submitter()
{
	byte n;

	do
	:: d_step { !told && submitted < TASKS -> submitted++; ready++; told = true }
	:: d_step {
		told ->
		if
		:: anyone_looks
		:: else -> ring_one()
		fi;
		told = false
	}
	:: !told && submitted == TASKS -> break
	od
}

/* Does the supervisor believe that the worker has left? */
#ifdef COUNT_BY_WORD
#define has_left(worker) leaving[worker]
#else
#define has_left(worker) (leaving[worker] && !killed[worker])
#endif

active proctype Supervisor()
{
	byte n;

end:
	do
	:: d_step {
		victim == WORKERS && next[0] == GONE -> victim = 0; repaired = false; rung = false
	}
	:: d_step {
		victim == WORKERS && WORKERS > 1 && next[WORKERS - 1] == GONE ->
		victim = WORKERS - 1; repaired = false; rung = false
	}
	:: d_step {
		victim == WORKERS && WORKERS > 2 && next[1] == GONE -> victim = 1; repaired = false; rung = false
	}
	:: d_step {
		victim < WORKERS && !repaired ->
#ifdef TRUST
		if
		:: leaving[victim] -> hand[victim] = false
		:: else
		fi;
#endif
		if
		:: hand[victim] -> hand[victim] = false; ready++
		:: else
		fi;
		looks[victim] = false;
		sleeps[victim] = false;
		repaired = true
	}
	:: d_step {
		victim < WORKERS && repaired && !rung ->
#ifdef NO_HEAL
		skip;
#else
#ifdef LEAVE_SILENT
		if
		:: has_left(victim)
		:: else -> ring_all()
		fi;
#else
		ring_all();
#endif
#endif
		if
		:: has_left(victim)
		:: else -> counted++
		fi;
		rung = true
	}
	:: d_step {
		victim < WORKERS && rung ->
		/* A fresh semaphore, and nothing of the dead one's. */
		tokens[victim] = 0;
		leaving[victim] = false;
		wish[victim] = false;
		killed[victim] = false;
		next[victim] = (victim < WANTED -> CLAIM : NOBODY);
		victim = WORKERS
	}
	od
}

/* A task that stays READY, and a death that is not counted, leave an invalid end state. */
active proctype End()
{
	done == TASKS && victim == WORKERS && counted == deaths && next[0] != GONE &&
		next[WORKERS - 1] != GONE && (WORKERS < 3 || next[1] != GONE)
}
