/*
 * demand.pml - workers that are started when tasks need them, and leave when they are idle
 * (lib/pool/demand.c, lib/pool/worker.c, lib/queue/bell.c).
 *
 * A submitter hands out TASKS tasks to WORKERS seats, which are vacant at first. A vacant seat is
 * announced as if a worker slept there. Tasks wait for each other: but for the first EARLY, none
 * ends before all have begun. So each needs a worker of its own, and a call that is lost shows as a
 * deadlock. A worker that sleeps may be idle for too long, IDLES times in all, and leave. Up to
 * DEATHS times a worker dies after any of its steps, or the supervisor does, and all workers with
 * it.
 *
 * Each option of a process is one access to a shared word, but that what a worker claims and the
 * count of what is READY are one. The supervisor of a worker that ends returns its task.
 *
 * Checked: all tasks end; a worker is in no seat that is announced as vacant.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef EARLY
#define EARLY 0
#endif
#ifndef IDLES
#define IDLES 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

/* What a worker does next. */
#define NOBODY 0
#define CLAIM 1
#define SPIN 2
#define LOOK 3
#define STOP 4
#define ANNOUNCE 5
#define RECHECK 6
#define SLEEP 7
#define TOLD 8    /* it looks no longer, and counts what it leaves */
#define REST 9    /* calls for that */
#define PASS 10   /* a wake-up was spent on it */
#define RUN 11
#define IDLE 12   /* has slept for too long */
#define RING 13
#define GONE 14   /* has ended, and is not reaped */

/* Shared memory. */
byte ready, done, begun;
bool sleeps[WORKERS];   /* of a worker, or of a vacant seat */
bool vacant[WORKERS];
bool looks[WORKERS];
bool token[WORKERS];
bool hand[WORKERS];

byte next[WORKERS];
bool idled[WORKERS];    /* how it ended, as the kernel and its seat say */
byte submitted, idles, deaths;
bool nudged;
byte told;              /* of the submitter: 1: it has published; 2: it has seen nobody asleep */

/* The supervisor's own. */
bool mine[WORKERS];     /* the seat is vacant */
bool look;
byte tasks, at;

#define SV_WAIT 0
#define SV_REAP 1
#define SV_MARK 2
#define SV_BIT 3
#define SV_COUNT 4
#define SV_FILL 5
#define SV_START 6
byte step = SV_MARK;

#define anyone_looks (looks[0] || looks[WORKERS - 1] || looks[WORKERS / 2])
#define may_end (done < EARLY || done + begun == TASKS)

/* A worker that sleeps; else, with @call, a vacant seat. */
inline ring_asleep()
{
	n = 0;
	do
	:: n < WORKERS && !(sleeps[n] && !vacant[n]) -> n++
	:: else -> break
	od;
	if
	:: n < WORKERS -> sleeps[n] = false; token[n] = true; rang = true
	:: else -> rang = false
	fi;
	n = 0
}

inline call_vacant()
{
	n = 0;
	do
	:: n < WORKERS && !(sleeps[n] && vacant[n]) -> n++
	:: else -> break
	od;
	if
	:: n < WORKERS -> sleeps[n] = false; nudged = true
	:: else
	fi;
	n = 0
}

#define ME next[_pid]

active [WORKERS] proctype Worker()
{
	byte n;
	bool rang;
	byte left;

end:
	do
	:: d_step {
		ME == CLAIM ->
		assert(!vacant[_pid]);
		if
		:: ready > 0 -> ready--; begun++; hand[_pid] = true; ME = RUN
		:: else -> ME = SPIN
		fi
	}
	:: d_step { ME == SPIN -> looks[_pid] = true; ME = LOOK }
	:: d_step {
		ME == LOOK ->
		if
		:: ready > 0 -> ready--; begun++; hand[_pid] = true; ME = TOLD
		:: else -> ME = STOP
		fi
	}
	:: d_step {
		ME == TOLD ->
		looks[_pid] = false;
#ifdef NO_REST
		ME = RUN
#else
		ME = REST
#endif
	}
	:: d_step {
		ME == REST ->
		left = ready;
		do
		:: left > 0 ->
			left--;
			ring_asleep();
			if
			:: !rang && !anyone_looks -> call_vacant()
			:: else
			fi
		:: else -> break
		od;
		ME = RUN
	}
	:: d_step { ME == STOP -> looks[_pid] = false; ME = ANNOUNCE }
	:: d_step { ME == ANNOUNCE -> sleeps[_pid] = true; ME = RECHECK }
	:: d_step {
		ME == RECHECK ->
		if
		:: ready > 0 ->
			ready--;
			begun++;
			hand[_pid] = true;
#ifdef NO_REST_AT_LAST
			ME = (sleeps[_pid] -> RUN : PASS);
#else
			ME = (sleeps[_pid] -> REST : PASS);
#endif
			sleeps[_pid] = false
		:: else -> ME = SLEEP
		fi
	}
	:: d_step {
		ME == PASS ->
		ring_asleep();
		if
		:: !rang && !anyone_looks -> call_vacant()
		:: else
		fi;
		ME = REST
	}
	:: d_step {
		ME == SLEEP && token[_pid] -> token[_pid] = false; sleeps[_pid] = false; ME = CLAIM
	}
	:: d_step { ME == SLEEP && idles < IDLES -> idles++; ME = IDLE }
	:: d_step {
		ME == IDLE ->
		sleeps[_pid] = false;
		ME = (ready > 0 -> CLAIM : RING)
	}
	:: d_step {
		ME == RING ->
		ring_asleep();
		ME = (rang -> RING : GONE);
		idled[_pid] = (ME == GONE)
	}
	:: d_step { ME == RUN && may_end -> begun--; done++; hand[_pid] = false; ME = CLAIM }
	:: d_step {
		ME != NOBODY && ME != GONE && deaths < DEATHS -> deaths++; idled[_pid] = false; ME = GONE
	}
	od
}

active proctype Submitter()
{
	byte n;
	bool rang;

	do
	:: d_step { !told && submitted < TASKS -> submitted++; ready++; told = 1 }
	:: d_step { told == 1 -> ring_asleep(); told = (rang -> 0 : 2) }
	:: d_step {
		told == 2 ->
		if
		:: anyone_looks
		:: else -> call_vacant()
		fi;
		told = 0
	}
	:: !told && submitted == TASKS -> break
	od
}

/* What the repair of a dead worker does. */
inline repair(w)
{
	if
	:: hand[w] -> hand[w] = false; begun--; ready++
	:: else
	fi;
	looks[w] = false;
	sleeps[w] = false;
	token[w] = false
}

inline ring_all()
{
	n = 0;
	do
	:: n < WORKERS -> token[n] = (next[n] != NOBODY); n++
	:: else -> break
	od;
	n = 0
}

active proctype Supervisor()
{
	byte n;

	n = 0;
	d_step {
		do
		:: n < WORKERS -> mine[n] = true; n++
		:: else -> break
		od;
		n = 0
	};
	do
	:: d_step {
		step == SV_WAIT && (nudged || next[0] == GONE || next[WORKERS - 1] == GONE || next[WORKERS / 2] == GONE) ->
		nudged = false;
		at = 0;
		step = SV_REAP
	}
	:: d_step {
		step == SV_REAP ->
		if
		:: at == WORKERS -> at = 0; step = SV_MARK
		:: at < WORKERS && next[at] == GONE ->
			repair(at);
			ring_all();
			token[at] = false;
			next[at] = NOBODY;
#ifndef NO_LOOK_AT_END
			look = true;
#endif
			mine[at] = idled[at];
			at++
		:: else -> at++
		fi
	}
	/* Announce each vacant seat that is not: first that it is vacant, then the bit. */
	:: d_step {
		step == SV_MARK ->
		if
		:: at == WORKERS -> at = 0; step = SV_COUNT
		:: at < WORKERS && mine[at] && !sleeps[at] -> vacant[at] = true; step = SV_BIT
		:: else -> at++
		fi
	}
	:: d_step {
		step == SV_BIT -> sleeps[at] = true;
#ifndef NO_RECHECK
		look = true;
#endif
		at++; step = SV_MARK
	}
	:: d_step {
		step == SV_COUNT ->
		tasks = (look -> ready : 0);
		look = false;
		at = 0;
		step = SV_FILL
	}
	:: d_step {
		step == SV_FILL ->
		if
		:: at == WORKERS -> at = 0; tasks = 0; step = (look -> SV_COUNT : SV_START)
		:: at < WORKERS && mine[at] && tasks > 0 ->
#ifndef SWALLOW
			/* It was called just now, for another task than those that were counted. */
			look = look || !sleeps[at];
#endif
			mine[at] = false; sleeps[at] = false; vacant[at] = false; tasks--; at++
		:: else -> at++
		fi
	}
	:: d_step {
		step == SV_START ->
		if
		:: at == WORKERS -> at = 0; step = SV_WAIT
		:: at < WORKERS && !mine[at] && next[at] == NOBODY ->
			vacant[at] = false; idled[at] = false; next[at] = CLAIM; at++
		:: else -> at++
		fi
	}
	/* It dies, and all workers with it. Its successor goes on from the words. */
	:: d_step {
		deaths < DEATHS ->
		deaths++;
		at = 0;
		do
		:: at < WORKERS ->
			repair(at);
			next[at] = NOBODY;
			mine[at] = vacant[at];
			at++
		:: else -> break
		od;
		at = 0;
		tasks = 0;
		look = true;
		nudged = false;
		step = SV_MARK
	}
	/* Nobody is left to do anything. */
	:: step == SV_WAIT && !nudged && done == TASKS -> break
	od
}
