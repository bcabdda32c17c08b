/*
 * cancel.pml - a position that is cancelled: batch/cancel.c, work/call.c, settle.c.
 *
 * WORKERS workers run one task. Its opener cancels it once, alone or by its batch, with or without
 * an order to kill. Up to DEATHS times a worker dies after any of its steps, and the supervisor
 * settles what it had. A worker that is killed by the order does not count as one of these.
 *
 * Each option of a process is one access to a shared word. Words that only one living process may
 * change are read in the step that uses them.
 *
 * Checked: the entry is published once; what the opener was told is true: a task that never ran
 * does not run later, and no run is claimed after the answer; in the end the entry is published and
 * the slot free.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif

#define FREE 0
#define READY 2
#define OWNED 3
#define DONE 4

/* What a process does next. */
#define REST 0
#define CHECK 1
#define RUN 2
#define READ 3
#define PUBLISH 4
#define RELEASE 5
#define DEAD 6
#define SETTLE 7
#define RETURN 8
#define FAIL 9
#define SCAN 10
#define FLAG 11
#define ORDER 12
#define WAIT 13

/* What the entry says, and what the opener was told. */
#define NOTHING 0
#define RESULT 1
#define NEVER_RAN 2
#define KILLED 3
#define RUNS_ON 4
#define WAS_DONE 5

mtype = { position, batch };

/* The slot's word, the entry's word, the batch's word. */
byte slot = READY, owner, generation_of_owner;
byte entry = READY, says;
bool flag, cancelled;

byte next[WORKERS];
byte generation[WORKERS];
bool late[WORKERS];   /* not shared memory: it has claimed the task after the opener's answer */
bool seen[WORKERS];   /* the flag, as its last load of the entry found it */
bool drops[WORKERS];  /* it publishes that the task never ran */
byte kill_order[WORKERS];

byte opener = REST, told, repair = REST, victim, deaths;
bool kills, again;
mtype way = position;
bool fails;

#define mine (slot == OWNED && owner == _pid && generation_of_owner == generation[_pid])

inline publish(what)
{
	assert(entry == READY);
	entry = DONE;
	says = what
}

active [WORKERS] proctype Worker()
{
end:
	do
	:: d_step {
		next[_pid] == REST && slot == READY ->
		slot = OWNED;
		owner = _pid;
		generation_of_owner = generation[_pid];
		late[_pid] = (told != NOTHING);
		drops[_pid] = false;
		next[_pid] = CHECK
	}
	:: d_step {
		next[_pid] == CHECK ->
		assert(mine);
#ifndef NO_CHECK
		if
		:: cancelled || flag -> drops[_pid] = true; next[_pid] = READ
		:: else -> next[_pid] = RUN
		fi
#else
		next[_pid] = RUN
#endif
	}
	:: d_step {
		next[_pid] == RUN ->
		assert(!late[_pid] && told != NEVER_RAN);
		next[_pid] = READ
	}
	:: d_step {
		next[_pid] == READ ->
		seen[_pid] = flag;
		next[_pid] = (entry == READY -> PUBLISH : RELEASE)
	}
	:: d_step {
		next[_pid] == PUBLISH ->
		if
		:: seen[_pid] == flag ->
			publish((drops[_pid] -> NEVER_RAN : RESULT));
			next[_pid] = RELEASE
		:: else ->
#ifdef NO_RETRY
			next[_pid] = RELEASE
#else
			seen[_pid] = flag
#endif
		fi
	}
	:: d_step {
		next[_pid] == RELEASE ->
		assert(mine);
		slot = FREE;
		next[_pid] = REST
	}
	od
}

/* The opener: its number is WORKERS. */
active proctype Opener()
{
end:
	do
	:: atomic {
		opener == REST && told == NOTHING ->
		if
		:: kills = true
		:: kills = false
		fi;
		if
		:: way = position; opener = SCAN
		:: way = batch; cancelled = true; opener = SCAN
		fi
	}
	/* The answer of a batch: nothing begins from now on. The sweep may come at any time. */
	:: d_step {
		way == batch && opener == SCAN && told == NOTHING ->
		told = RUNS_ON
	}
	:: d_step {
		opener == SCAN && entry == DONE ->
		told = (told == NOTHING -> WAS_DONE : told);
		opener = REST
	}
	:: d_step {
		(opener == SCAN || opener == WAIT) && slot == READY && entry == READY ->
#ifdef PUBLISH_UNCLAIMED
		publish(NEVER_RAN);
		told = NEVER_RAN;
		opener = REST
#else
		again = (opener == WAIT);
		slot = FREE;
		opener = PUBLISH
#endif
	}
	/* Nobody else has the task now. */
	:: d_step {
		opener == PUBLISH ->
		publish(NEVER_RAN);
		told = (told == NOTHING -> (again -> KILLED : NEVER_RAN) : told);
		opener = REST
	}
	:: d_step {
		opener == SCAN && slot == OWNED && entry == READY ->
		opener = (way == position -> FLAG : (kills -> ORDER : SCAN))
	}
	:: d_step {
		opener == FLAG ->
		if
		:: entry == READY ->
			flag = true;
			opener = (kills -> ORDER : REST);
			told = (kills -> NOTHING : RUNS_ON)
		:: else ->
			told = WAS_DONE;
			opener = REST
		fi
	}
	:: d_step {
		opener == ORDER ->
		if
		:: slot == OWNED -> kill_order[owner] = generation_of_owner + 1
		:: else
		fi;
		kills = false;
		opener = (way == position -> WAIT : SCAN)
	}
	:: d_step {
		opener == WAIT && entry == DONE ->
		told = (says == RESULT -> WAS_DONE : KILLED);
		opener = REST
	}
	od
}

inline die(n)
{
	next[n] = DEAD;
	victim = n;
	repair = SETTLE
}

#define dead_ones (slot == OWNED && owner == victim && generation_of_owner == generation[victim])

#define killed(n) (kill_order[n] == generation[n] + 1)
#define may_die(n) (!killed(n) && deaths < DEATHS && next[n] != REST)

active proctype Supervisor()
{
end:
	do
	:: d_step { repair == REST && killed(0) -> die(0) }
	:: d_step { repair == REST && may_die(0) -> deaths++; die(0) }
#if WORKERS > 1
	:: d_step { repair == REST && killed(1) -> die(1) }
	:: d_step { repair == REST && may_die(1) -> deaths++; die(1) }
#endif
#if WORKERS > 2
	:: d_step { repair == REST && killed(2) -> die(2) }
	:: d_step { repair == REST && may_die(2) -> deaths++; die(2) }
#endif
	/* It reads what the words say, and acts by that in a later step. */
	:: d_step {
		repair == SETTLE ->
		if
		:: !dead_ones -> repair = DEAD
		:: dead_ones && entry == DONE -> repair = RELEASE
		:: dead_ones && entry == READY && (cancelled || flag) -> repair = FAIL
		:: else -> repair = RETURN
		fi
	}
	:: d_step {
		repair == RETURN ->
		slot = READY;
		repair = DEAD
	}
	:: d_step {
		repair == FAIL ->
		publish(KILLED);
		repair = RELEASE
	}
	:: d_step {
		repair == RELEASE ->
		assert(dead_ones);
		slot = FREE;
		repair = DEAD
	}
	:: d_step {
		repair == DEAD ->
		generation[victim]++;
		next[victim] = REST;
		victim = 0;
		repair = REST
	}
	od
}

/* An entry that is never published, or a slot that stays, leaves an invalid end state. */
active proctype End()
{
	told != NOTHING && entry == DONE && slot == FREE && repair == REST
}
