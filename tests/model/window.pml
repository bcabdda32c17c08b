/*
 * window.pml - the entry of a windowed batch and the memory of its epoch are used again (window.c,
 * epochs.c and stream.md).
 *
 * The opener submits TASKS tasks, one after the other, by a window of WINDOW positions. There are
 * two slots in the ring. WORKERS workers claim them, publish and free their slots, and die at any
 * step, DEATHS of them in all. The supervisor returns what a dead worker had to the ring if it was
 * not published, and frees the slot else. The opener takes results as they are done, and releases
 * them. Each task has an epoch of its own.
 *
 * Checked: each task is published once, with its own result. No worker and no repair uses the
 * memory of a task that is freed. All comes to an end.
 *
 * Mutants: HASTY uses an entry again as soon as its result is released. EARLY frees the epoch then.
 */
#ifndef TASKS
#define TASKS 3
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef WINDOW
#define WINDOW 2
#endif

#define SLOTS 2
#define ENTRIES 3 /* one more than can be held */
#define NONE 15

#define FREE 0
#define READY 1
#define OWNED 2
#define DONE 3

/* Slots: their state, which task they say, its entry, its worker. */
byte slot[SLOTS], says[SLOTS], target[SLOTS], by[SLOTS];
/* Entries: READY or DONE, whose result it is. */
byte entry[ENTRIES], result[ENTRIES];
/* Places, in the opener's memory. */
byte place_task[ENTRIES];
bool held[ENTRIES], leaving[ENTRIES];
/* Tasks: how often they were published; where their memory is freed already. */
byte published[TASKS];
bool freed[TASKS];
bool dead[WORKERS];
byte deaths, holding, given;
bool over;

#define EACH_ENTRY(M) M(0) M(1) M(2)

/* No slot names the entry. */
#define NAMES(s, e) ((slot[s] == READY || slot[s] == OWNED) && target[s] == (e))
#ifdef HASTY
#define OVER(e) true
#define FREE_NOW(e) skip
#else
#define OVER(e) (!NAMES(0, e) && !NAMES(1, e))
#define FREE_NOW(e) freed[place_task[e]] = true
#endif
#define UNUSED(e) (!held[e] && !leaving[e])

inline submit(e)
{
	/* A slot that is free: the opener fills it, and nobody else sees it before it is READY. */
	if
	:: slot[0] == FREE -> s = 0
	:: slot[1] == FREE -> s = 1
	fi;
	entry[e] = READY;
	result[e] = NONE;
	held[e] = true;
	place_task[e] = next;
	holding++;
	says[s] = next;
	target[s] = e;
	slot[s] = READY;
	next++;
	s = 0
}

#define SUBMIT(e) :: atomic { next < TASKS && holding < WINDOW && UNUSED(e) && (slot[0] == FREE || slot[1] == FREE) -> submit(e) }

/* Hand out and, at once, release. */
#define TAKE(e) \
	:: atomic { held[e] && entry[e] == DONE -> \
		assert(result[e] == place_task[e]); \
		held[e] = false; leaving[e] = true; holding--; given++ }

/* The place is free, and so is the memory of its task: each task has an epoch of its own here. */
#define SETTLE(e) :: atomic { leaving[e] && OVER(e) -> leaving[e] = false; FREE_NOW(e) }
#ifdef EARLY
#define FREE_EARLY(e) :: atomic { leaving[e] && !freed[place_task[e]] -> freed[place_task[e]] = true }
#else
#define FREE_EARLY(e)
#endif

proctype opener()
{
	byte next, s;

	do
	EACH_ENTRY(SUBMIT)
	EACH_ENTRY(TAKE)
	EACH_ENTRY(SETTLE)
	EACH_ENTRY(FREE_EARLY)
	:: given == TASKS && (UNUSED(0) && UNUSED(1) && UNUSED(2)) -> break
	od;
	over = true
}

#define DIE :: deaths < DEATHS -> deaths++; dead[me] = true; goto ended

proctype worker(byte me)
{
	byte s, task;

again:
	if
	:: atomic { slot[0] == READY -> slot[0] = OWNED; by[0] = me; s = 0 }
	:: atomic { slot[1] == READY -> slot[1] = OWNED; by[1] = me; s = 1 }
	:: over -> goto ended
	fi;
	task = says[s];
	/* It runs: the memory of the task is there. */
	if
	:: atomic { true -> assert(!freed[task]) }
	DIE
	fi;
	/* CALL1. Nothing happens if it was published before. */
	if
	:: atomic { true ->
		assert(!freed[task]);
		if
		:: entry[target[s]] == READY -> result[target[s]] = task; published[task]++; entry[target[s]] = DONE
		:: else
		fi;
		assert(published[task] <= 1) }
	DIE
	fi;
	/* RING2. What it has of the task may be looked at until here. */
	if
	:: atomic { true -> assert(!freed[task]); slot[s] = FREE }
	DIE
	fi;
	goto again;
ended:
	skip
}

/* A worker that died is replaced when its slot is settled. */
inline repair(w, s)
{
	if
	:: slot[s] == OWNED && by[s] == w ->
		assert(!freed[says[s]]);
		if
		:: entry[target[s]] == READY -> slot[s] = READY
		:: else -> slot[s] = FREE
		fi
	:: else
	fi
}

proctype supervisor()
{
	do
	:: atomic { dead[0] -> repair(0, 0); repair(0, 1); dead[0] = false; run worker(0) }
	:: atomic { dead[1] -> repair(1, 0); repair(1, 1); dead[1] = false; run worker(1) }
	:: over && !dead[0] && !dead[1] -> break
	od
}

init
{
	atomic {
		run opener();
		run supervisor();
		run worker(0);
		run worker(1)
	}
}
