/*
 * recovery.pml - the life of a task's words across deaths: work/call.c, settle.c,
 * pool/recover.c, deaths.c, crew.c.
 *
 * WORKERS workers run TASKS tasks, each in a slot of its own; which one is claimed is up to chance.
 * Up to DEATHS times a worker dies after any of its steps, by its own fault or by order of the
 * owner, or the supervisor does, and all workers with it: then a successor settles their words. A
 * task ends for good after MAX_ATTEMPTS deaths that were its own fault.
 *
 * Each option of a process is one access to a shared word; what follows it in private memory is in
 * the same step. Words that only one living process may change are read in the step that uses them.
 *
 * Checked: each entry is published once, with a whole result or a failure; a run finds its result
 * zeroed; nobody takes a slot from a living worker; a task is charged its own deaths at most, and
 * fails only after MAX_ATTEMPTS; an order kills whom it names and nobody else; in the end every
 * entry is published and every slot free.
 */
#include "word.pml"

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef MAX_ATTEMPTS
#define MAX_ATTEMPTS 2
#endif
#ifndef ORDERS
#define ORDERS 1 /* of the owner to kill a worker */
#endif

/* What a process does next. */
#define REST 0
#define DEAD 1
#define NAME 2
#define BEGIN 3
#define FINISH 4
#define PUBLISH 5
#define RELEASE 6
#define BURY 7
#define SETTLE 8
#define ZERO 9
#define RETURN 10
#define FAIL 11
#define PUBLISH_FAILURE 12
#define PASS 13
#define CLEAR 14
#define SPAWN 15

/* What lies where the result belongs. */
#define NOTHING 0
#define HALF 1
#define WHOLE 2
#define FAILURE 3

typedef runner {
	unsigned next : 4;
	unsigned task : 2;
	unsigned generation : 4;
	unsigned kill : 4;  /* the owner's order: generation + 1 */
	unsigned meant : 4  /* the generation whose task it was for, plus 1 */
}

typedef task_entry {
	unsigned state : 3;
	unsigned result : 2;
	unsigned charge : 4 /* runs that count, the present one included */
}

word slot[TASKS];
task_entry entry[TASKS];
runner w[WORKERS];

/* The supervisor. */
unsigned repair : 4; /* its next step */
unsigned victim : 3;
unsigned victim_generation : 4;
unsigned s : 2;
bool innocent;
bool successor; /* of a supervisor that died: it settles all workers */

/* The owner: whom it is about to have killed. */
bool asking;
unsigned asked : 3;
unsigned asked_generation : 4;

byte deaths, orders, done;

#define ME w[_pid]
#define MY_SLOT slot[ME.task]
#define MY_ENTRY entry[ME.task]
#define set(a_slot, a_state, an_attempt, a_worker, a_generation) \
	a_slot.state = a_state; \
	a_slot.attempt = an_attempt; \
	a_slot.worker = a_worker; \
	a_slot.generation = a_generation
#define ready(n) (slot[n].state == READY)
/* A mutant names the owner late. */
#define owned(n) (slot[n].state == OWNED && slot[n].worker != NOBODY)
#if TASKS == 1
#define any_ready ready(0)
#define any_owned owned(0)
#elif TASKS == 2
#define any_ready (ready(0) || ready(1))
#define any_owned (owned(0) || owned(1))
#else
#define any_ready (ready(0) || ready(1) || ready(2))
#define any_owned (owned(0) || owned(1) || owned(2))
#endif
#define mine (MY_SLOT.state == OWNED && MY_SLOT.worker == _pid && MY_SLOT.generation == ME.generation)

/* Workers are alike: states that differ only in who is who count as one. See ring.pml. */
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
		for (int i = 0; i < TASKS; i++)
			if (now.slot[i].state == OWNED)
				now.slot[i].worker = exchanged(now.slot[i].worker, a, b);
		if (now.repair != REST)
			now.victim = exchanged(now.victim, a, b);
		if (now.asking)
			now.asked = exchanged(now.asked, a, b);
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
	w[n].task = 0; \
	w[n].next = REST

active [WORKERS] proctype Worker()
{
end:
	do
	:: atomic {
		ME.next == REST && any_ready ->
		if
		:: ready(0) -> ME.task = 0
#if TASKS > 1
		:: ready(1) -> ME.task = 1
#endif
#if TASKS > 2
		:: ready(2) -> ME.task = 2
#endif
		fi;
		d_step {
#ifdef NAME_AFTER_CLAIM
			set(MY_SLOT, OWNED, MY_SLOT.attempt + 1, NOBODY, 0);
			ME.next = NAME;
#else
			set(MY_SLOT, OWNED, MY_SLOT.attempt + 1, _pid, ME.generation);
			ME.next = BEGIN;
#endif
			MY_ENTRY.charge++;
			assert(MY_SLOT.attempt <= MY_ENTRY.charge && MY_SLOT.attempt <= MAX_ATTEMPTS);
			c_code { sort(); }
		}
	}
	:: d_step {
		ME.next == NAME ->
		MY_SLOT.worker = _pid;
		MY_SLOT.generation = ME.generation;
		ME.next = BEGIN;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == BEGIN ->
		assert(MY_ENTRY.result == NOTHING);
		MY_ENTRY.result = HALF;
#ifdef RELEASE_FIRST
		ME.next = RELEASE;
#else
		ME.next = FINISH;
#endif
		c_code { sort(); }
	}
	:: d_step {
		ME.next == FINISH ->
		MY_ENTRY.result = WHOLE;
		ME.next = PUBLISH;
		c_code { sort(); }
	}
	:: d_step {
		ME.next == PUBLISH ->
		if
#ifndef PUBLISH_TWICE
		:: MY_ENTRY.state == DONE
#endif
		:: else ->
			assert(MY_ENTRY.state == READY && MY_ENTRY.result == WHOLE);
			MY_ENTRY.state = DONE;
			done++
		fi;
#ifdef RELEASE_FIRST
		rest(_pid);
#else
		ME.next = RELEASE;
#endif
		c_code { sort(); }
	}
	:: d_step {
		ME.next == RELEASE ->
		assert(mine);
		set(MY_SLOT, FREE, 0, 0, 0);
#ifdef RELEASE_FIRST
		ME.next = FINISH;
#else
		rest(_pid);
#endif
		c_code { sort(); }
	}
	od
}

/*
 * The owner has a worker killed that has a task: it looks at the task's word, then writes the
 * order.
 */
active proctype Owner()
{
end:
	do
	:: atomic {
		!asking && orders < ORDERS && any_owned ->
		if
		:: owned(0) -> asked = slot[0].worker; asked_generation = slot[0].generation
#if TASKS > 1
		:: owned(1) -> asked = slot[1].worker; asked_generation = slot[1].generation
#endif
#if TASKS > 2
		:: owned(2) -> asked = slot[2].worker; asked_generation = slot[2].generation
#endif
		fi;
		d_step {
			asking = true;
			orders++;
			c_code { sort(); }
		}
	}
	:: d_step {
		asking ->
		w[asked].meant = asked_generation + 1;
#ifdef NO_GENERATION
		w[asked].kill = 1;
#else
		w[asked].kill = asked_generation + 1;
#endif
		asking = false;
		asked = 0;
		asked_generation = 0;
		c_code { sort(); }
	}
	od
}

#ifdef NO_GENERATION
#define ordered(n) (w[n].kill != 0)
#define victims(a_slot) (a_slot.state == OWNED && a_slot.worker == victim)
#else
#define ordered(n) (w[n].kill == w[n].generation + 1)
#define victims(a_slot) (a_slot.state == OWNED && a_slot.worker == victim && a_slot.generation == victim_generation)
#endif

#if WORKERS == 1
#define any_ordered ordered(0)
#elif WORKERS == 2
#define any_ordered (ordered(0) || ordered(1))
#else
#define any_ordered (ordered(0) || ordered(1) || ordered(2))
#endif

#ifdef RECOVER_BEFORE_DEATH
#define die(n) skip
#else
#define die(n) \
	rest(n); \
	w[n].next = DEAD
#endif
#ifdef SUCCESSOR_TOO_EARLY
#define die_with_supervisor(n) skip
#else
#define die_with_supervisor(n) die(n)
#endif

#ifdef REAP_FIRST
#define AFTER_BURY (successor -> SETTLE : CLEAR)
#define AFTER_SETTLE (successor -> CLEAR : REST)
#define AFTER_SPAWN (successor -> REST : SETTLE)
#else
#define AFTER_BURY SETTLE
#define AFTER_SETTLE CLEAR
#define AFTER_SPAWN REST
#endif

#ifdef SUCCESSOR_NO_RESCAN
#define SUCCESSOR_BEGINS CLEAR
#else
#define SUCCESSOR_BEGINS BURY
#endif

inline next_slot()
{
	s++;
	repair = SETTLE;
	if
	:: s == TASKS ->
		s = 0;
		innocent = false;
		victim_generation = 0;
		if
		:: successor && victim + 1 < WORKERS ->
			victim++;
			repair = BURY
		:: else ->
			repair = AFTER_SETTLE;
			if
			:: successor || repair == REST -> victim = 0
			:: else
			fi
		fi
	:: else
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
	/* A worker dies by itself. */
	:: atomic {
		repair == REST && deaths < DEATHS && done < TASKS ->
		if
		:: victim = 0
		:: WORKERS > 1 -> victim = 1
		:: WORKERS > 2 -> victim = 2
		fi;
		d_step {
			deaths++;
			die(victim);
			repair = BURY;
			c_code { sort(); }
		}
	}
	/* serve_kills() */
	:: atomic {
		repair == REST && any_ordered ->
		if
		:: ordered(0) -> victim = 0
#if WORKERS > 1
		:: ordered(1) -> victim = 1
#endif
#if WORKERS > 2
		:: ordered(2) -> victim = 2
#endif
		fi;
		d_step {
			assert(w[victim].meant == w[victim].generation + 1);
			die(victim);
			repair = BURY;
			c_code { sort(); }
		}
	}
	/* The supervisor dies. */
	:: d_step {
		deaths < DEATHS && done < TASKS ->
		deaths++;
		for (victim : 0 .. WORKERS - 1) {
			die_with_supervisor(victim)
		}
		successor = true;
		innocent = false;
		victim = 0;
		victim_generation = 0;
		s = 0;
		repair = SUCCESSOR_BEGINS;
		c_code { sort(); }
	}
	:: d_step {
		repair == BURY ->
		innocent = successor || ordered(victim);
		assert(!innocent || successor || w[victim].meant == w[victim].generation + 1);
		victim_generation = w[victim].generation;
		repair = AFTER_BURY;
		c_code { sort(); }
	}
	/* settle_call() */
	:: d_step {
		repair == SETTLE ->
		if
		:: !victims(slot[s]) -> next_slot()
#ifndef PUBLISH_TWICE
		:: victims(slot[s]) && entry[s].state == DONE -> repair = PASS
#endif
		:: else -> repair = (innocent || slot[s].attempt < MAX_ATTEMPTS -> ZERO : FAIL)
		fi;
		c_code { sort(); }
	}
	:: d_step {
		repair == ZERO ->
#ifndef NO_ZERO
		entry[s].result = NOTHING;
#endif
		repair = RETURN;
		c_code { sort(); }
	}
	:: d_step {
		repair == RETURN ->
		assert(victims(slot[s]));
		entry[s].charge = entry[s].charge - innocent;
#ifdef CHARGE_INNOCENT
		set(slot[s], READY, slot[s].attempt, 0, 0);
#else
		set(slot[s], READY, slot[s].attempt - innocent, 0, 0);
#endif
		next_slot();
		c_code { sort(); }
	}
	:: d_step {
		repair == FAIL ->
		assert(entry[s].charge == MAX_ATTEMPTS);
		entry[s].result = FAILURE;
#ifdef FREE_BEFORE_FAILURE
		set(slot[s], FREE, 0, 0, 0);
#endif
		repair = PUBLISH_FAILURE;
		c_code { sort(); }
	}
	:: d_step {
		repair == PUBLISH_FAILURE ->
		assert(entry[s].state == READY && entry[s].result == FAILURE);
		entry[s].state = DONE;
		done++;
#ifdef FREE_BEFORE_FAILURE
		next_slot();
#else
		repair = PASS;
#endif
		c_code { sort(); }
	}
	:: d_step {
		repair == PASS ->
		assert(victims(slot[s]));
		set(slot[s], FREE, 0, 0, 0);
		next_slot();
		c_code { sort(); }
	}
	/* spawn_worker() */
	:: d_step {
		repair == CLEAR ->
		w[victim].kill = 0;
		w[victim].meant = 0;
		repair = SPAWN;
		c_code { sort(); }
	}
	:: d_step {
		repair == SPAWN ->
		rest(victim);
		w[victim].generation++;
		if
		:: successor && victim + 1 < WORKERS ->
			victim++;
			repair = CLEAR
		:: else ->
			repair = AFTER_SPAWN;
			if
			:: repair == REST -> victim = 0
			:: else
			fi;
			successor = false
		fi;
		c_code { sort(); }
	}
	od
}

/*
 * All tasks are accepted at once: one that is not yet there does the same as one that nobody
 * claims.
 */
active proctype Tasks()
{
	byte n;

	d_step {
		for (n : 0 .. TASKS - 1) {
			slot[n].state = READY;
			entry[n].state = READY
		}
	}
	/* A process that is stuck before the end leaves an invalid end state. */
	done == TASKS && repair == REST;
	for (n : 0 .. TASKS - 1) {
		slot[n].state == FREE
	}
}
