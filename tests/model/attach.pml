/*
 * attach.pml - programs that join a pool, leave it and are killed (lib/pool/attach.c, places.c,
 * programs.c).
 *
 * There is one place, and two processes that join JOINS times each. One that is in runs tasks, and
 * leaves when it likes. Up to DEATHS times one is killed, after any of its steps. Then a new
 * process begins at once with the same pid, which tries to join, too: the worst that a system does.
 * Up to ENDS times the supervisor is killed after any of its steps, and its successor knows
 * nothing.
 *
 * Each option of a process is one access to a shared word.
 *
 * Checked: a task is returned only if the process that ran it is dead or has left; no task is
 * published by one that does not own it; no word names the place when that is free; at the end no
 * task is in hand and the place is free.
 */
#ifndef JOINS
#define JOINS 2
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef ENDS
#define ENDS 1
#endif

#define READY 0
#define DONE 255
/* Else the word of a task is the generation that has it in hand. */

/* What a process does next. */
#define OUT 0
#define LOCKED 1
#define GENERATION 2
#define WRITE 3
#define START 4
#define PID 5
#define IN 6
#define RUN 7
#define LEAVE 8
#define UNLOCK 9
#define OVER 10

/* Shared memory. */
byte who, start, generation;
bool leaving;
byte word[TASKS];

/* What the kernel knows: who has the lock of the place, and when each process began. */
byte lock;
byte began[2];

byte next[2];
byte mine[2];  /* the generation of the process */
byte joins[2];
byte task[2];
byte deaths, ends;

#define ME next[p]
#define FINISHED (next[0] == OVER && next[1] == OVER)

proctype Program(byte p)
{
	byte i;

	do
	:: d_step { ME == OUT && joins[p] == JOINS -> ME = OVER }
	:: d_step {
		ME == OUT && joins[p] < JOINS && who == 0 ->
#ifdef NO_LOCK
		joins[p]++; ME = LOCKED
#else
		if
		:: lock == 0 -> lock = p + 1; joins[p]++; ME = LOCKED
		:: else
		fi
#endif
	}
	/* It may give up while the place is taken. */
	:: d_step { ME == OUT && joins[p] < JOINS && who != 0 -> joins[p]++ }
	:: d_step {
		ME == LOCKED ->
		if
		:: who == 0 -> ME = GENERATION
		:: else -> lock = (lock == p + 1 -> 0 : lock); ME = OUT
		fi
	}
	:: d_step {
		ME == GENERATION ->
		mine[p] = generation + 1;
		leaving = false;
#ifdef EARLY_PID
		who = p + 1;
#endif
		ME = WRITE
	}
	:: d_step { ME == WRITE -> generation = mine[p]; ME = START }
	:: d_step { ME == START -> start = began[p]; ME = PID }
	:: d_step { ME == PID -> who = p + 1; ME = IN }
	:: d_step {
		ME == IN ->
		i = 0;
		do
		:: i < TASKS && word[i] != READY -> i++
		:: else -> break
		od;
		if
		:: i < TASKS -> word[i] = mine[p]; task[p] = i; ME = RUN
		:: else -> ME = LEAVE
		fi;
		i = 0
	}
	:: d_step { ME == IN -> ME = LEAVE }
	:: d_step {
		ME == RUN ->
		assert(word[task[p]] == mine[p]);
		word[task[p]] = DONE;
		ME = IN
	}
	:: d_step { ME == LEAVE -> leaving = true; ME = UNLOCK }
	:: d_step {
		ME == UNLOCK ->
		lock = (lock == p + 1 -> 0 : lock);
		ME = OUT
	}
	:: ME == OVER -> break
	od
}

/* Kill a process. Another one has its pid at once. */
active proctype Killer()
{
	byte p;

	do
	:: d_step {
		deaths < DEATHS && next[0] != OVER ->
		deaths++; began[0]++; lock = (lock == 1 -> 0 : lock); next[0] = OUT; task[0] = 0; mine[0] = 0
	}
	:: d_step {
		deaths < DEATHS && next[1] != OVER ->
		deaths++; began[1]++; lock = (lock == 2 -> 0 : lock); next[1] = OUT; task[1] = 0; mine[1] = 0
	}
	:: true -> break
	od;
	p = 0
}

#define SV_LOOK 0
#define SV_ASK 1
#define SV_REPAIR 2
#define SV_FREE 3
#define SV_SLEEP 4

#ifdef NO_START
#define is_dead false /* it asks whether some process has the pid */
#else
#define is_dead (began[known - 1] != since)
#endif

active proctype Supervisor()
{
	byte step, i;
	byte known, since, named;  /* what it has noted of who is in: pid, start, generation */
	bool left;

	do
	:: d_step {
		step == SV_LOOK && (who != 0 || known != 0) ->
		if
		:: known == 0 -> known = who; since = start; named = generation
		:: else
		fi;
		step = SV_ASK
	}
	:: d_step {
		step == SV_ASK ->
		left = leaving;
		step = (left || is_dead -> SV_REPAIR : SV_SLEEP)
	}
	/* A signal wakes it, or the descriptor of the process. */
	:: d_step { step == SV_SLEEP && (leaving || is_dead) -> step = SV_LOOK }
	:: d_step {
		step == SV_REPAIR ->
#ifdef FREE_FIRST
		who = 0;
#endif
		if
		:: word[i] == named ->
			assert(left || began[known - 1] != since);
			word[i] = READY
		:: else
		fi;
		i++;
		step = (i == TASKS -> SV_FREE : SV_REPAIR);
		i = (i == TASKS -> 0 : i)
	}
#ifdef FORGET_LEAVING
	:: d_step { step == SV_FREE && leaving -> leaving = false }
	:: d_step {
		step == SV_FREE && !leaving ->
#else
	:: d_step {
		step == SV_FREE ->
#endif
		do
		:: i < TASKS -> assert(word[i] == READY || word[i] == DONE); i++
		:: else -> break
		od;
		i = 0;
		who = 0;
		known = 0;
		step = SV_LOOK
	}
	:: d_step { ends < ENDS -> ends++; known = 0; since = 0; named = 0; left = false; i = 0; step = SV_LOOK }
	:: FINISHED && step == SV_LOOK && who == 0 -> break
	od;
	i = 0;
	do
	:: i < TASKS -> assert(word[i] == READY || word[i] == DONE); i++
	:: else -> break
	od
}

init
{
	run Program(0);
	run Program(1)
}
