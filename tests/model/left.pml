/*
 * left.pml - which worker runs the tasks that are left to others (help.c, nest.c and nested.md).
 *
 * WORKERS workers run two tasks of the owner. Each of these submits two tasks and waits for them.
 * With TASKS = 8 the first of those four does the same, with 10 the second one, too. A task may be
 * left to other workers than that of its opener, and a worker may have died with it before. Which
 * are, is any choice. The ring has SLOTS slots. A task that finds it full runs another one, or
 * rests, or runs its own at once.
 *
 * A worker that waits runs tasks of others only if these are left, as at the bound of nesting: what
 * it may run besides only helps. It looks again and again, so no wake-up is lost here (wake.pml),
 * and nobody dies: what is left after a death is what the choice begins with.
 *
 * Checked: all tasks end, so that no workers wait for each other for ever.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TASKS
#define TASKS 8
#endif
#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef WARY
#define WARY 1 /* workers have had deaths in nested work */
#endif

#define NONE 0
#define READY 1
#define OWNED 2
#define DONE 3

/* What a worker awaits, as its seat says. */
#define NOTHING 0
#define RESULTS 1
#define OTHERS 2

#define OWNER 15

byte state[TASKS], by[TASKS], opener[TASKS], submitted[TASKS];
bool is_left[TASKS], has_died[TASKS], has_slot[TASKS];
byte slots, done;
byte stack[WORKERS * TASKS], depth[WORKERS], awaits[WORKERS];

#if TASKS == 10
#define EACH(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9)
#define ANY(C) (C(0) || C(1) || C(2) || C(3) || C(4) || C(5) || C(6) || C(7) || C(8) || C(9))
#else
#define EACH(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#define ANY(C) (C(0) || C(1) || C(2) || C(3) || C(4) || C(5) || C(6) || C(7))
#endif

#define ME _pid
#define TOP stack[ME * TASKS + depth[ME] - 1]
#define TOP_OF(w) stack[(w) * TASKS + depth[w] - 1]
#define BUSY (depth[ME] > 0)
#define FIRST(x) (2 * (x) + 2)
#define OPENS(x) (FIRST(x) < TASKS)
#define IS_CHILD(t) ((t) >= 2 && ((t) - 2) / 2 == TOP)
#define SUBMITS (BUSY && OPENS(TOP) && submitted[TOP] < 2)
#define CHILDREN_DONE (state[FIRST(TOP)] == DONE && state[FIRST(TOP) + 1] == DONE)
#define WAITS (BUSY && OPENS(TOP) && submitted[TOP] == 2 && !CHILDREN_DONE)

/* Left by this worker to others. */
#define SPARED(t) (state[t] == READY && is_left[t] && opener[t] == ME)
#define MAY_MAKE_ROOM(t) (state[t] == READY && !(is_left[t] && opener[t] == ME))
#define OWN(t) (IS_CHILD(t) && state[t] == READY && !is_left[t])

#ifdef REST_RUNS
#define STANDS_STILL(w) (awaits[w] == RESULTS)
#else
#define STANDS_STILL(w) (awaits[w] != NOTHING)
#endif
/* A child of the task that waits is run just now, and its worker does not wait in it. */
#define RUNS_CHILD(t) (IS_CHILD(t) && state[t] == OWNED && has_slot[t] && TOP_OF(by[t]) == (t) && !STANDS_STILL(by[t]))
#define DIED_CHILD(t) (IS_CHILD(t) && has_died[t] && (state[t] == READY || state[t] == OWNED))

/* A worker of a lower number that waits for results could take the task. */
#ifdef OPENER_COUNTS
#define COULD(w, t) ((w) < ME && awaits[w] == RESULTS)
#else
#define COULD(w, t) ((w) < ME && awaits[w] == RESULTS && opener[t] != (w))
#endif
#if WORKERS == 3
#define FOR_LOWER(t) (COULD(0, t) || COULD(1, t))
#else
#define FOR_LOWER(t) COULD(0, t)
#endif

#define MAY_RUN_LEFT(t) \
	(state[t] == READY && is_left[t] && opener[t] != ME && opener[t] != OWNER && \
	 (ANY(DIED_CHILD) -> !ANY(RUNS_CHILD) && !FOR_LOWER(t) : !ANY(RUNS_CHILD) || !WARY))

inline push(t)
{
	state[t] = OWNED;
	by[t] = ME;
	awaits[ME] = NOTHING;
	stack[ME * TASKS + depth[ME]] = t;
	depth[ME] = depth[ME] + 1
}

inline send(left, died)
{
	x = FIRST(TOP) + submitted[TOP];
	submitted[TOP] = submitted[TOP] + 1;
	awaits[ME] = NOTHING;
	state[x] = READY;
	opener[x] = ME;
	is_left[x] = left;
	has_died[x] = died;
	has_slot[x] = true;
	slots++;
	x = 0
}

#define IDLE_CLAIM(t) :: d_step { depth[ME] == 0 && state[t] == READY -> push(t) }
#define MAKE_ROOM(t) :: d_step { SUBMITS && slots == SLOTS && MAY_MAKE_ROOM(t) -> push(t) }
#define RUN_OWN(t) :: d_step { WAITS && OWN(t) -> push(t) }
#define RUN_LEFT(t) :: d_step { WAITS && awaits[ME] == RESULTS && !ANY(OWN) && MAY_RUN_LEFT(t) -> push(t) }

active [WORKERS] proctype Worker()
{
	byte x;

end:
	do
	EACH(IDLE_CLAIM)
	EACH(MAKE_ROOM)
	EACH(RUN_OWN)
	EACH(RUN_LEFT)
	:: d_step { SUBMITS && slots < SLOTS -> send(false, false) }
	:: d_step { SUBMITS && slots < SLOTS -> send(true, false) }
	:: d_step { SUBMITS && slots < SLOTS -> send(true, true) }
	:: d_step {
		SUBMITS && slots == SLOTS && awaits[ME] == NOTHING && !ANY(MAY_MAKE_ROOM) && ANY(SPARED) -> awaits[ME] = OTHERS
	}
	/* At once, without a slot. */
	:: d_step {
		SUBMITS && slots == SLOTS && !ANY(MAY_MAKE_ROOM) && !ANY(SPARED) ->
		x = FIRST(TOP) + submitted[TOP];
		submitted[TOP] = submitted[TOP] + 1;
		opener[x] = ME;
		push(x);
		x = 0
	}
	:: d_step { WAITS && awaits[ME] == NOTHING && !ANY(OWN) -> awaits[ME] = RESULTS }
	:: d_step {
		BUSY && (!OPENS(TOP) || (submitted[TOP] == 2 && CHILDREN_DONE)) ->
		state[TOP] = DONE;
		done++;
		awaits[ME] = NOTHING;
		if
		:: has_slot[TOP] -> has_slot[TOP] = false; slots--
		:: else
		fi;
		depth[ME] = depth[ME] - 1
	}
	od
}

active proctype Owner()
{
	d_step {
		state[0] = READY; opener[0] = OWNER; has_slot[0] = true;
		state[1] = READY; opener[1] = OWNER; has_slot[1] = true;
		slots = 2
	};
	done == TASKS
}
