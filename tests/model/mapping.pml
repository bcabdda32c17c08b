/*
 * mapping.pml - workers follow what the owner maps: segment/mappings.c, mapping_table.c.
 *
 * The owner makes CHANGES changes, and after each one submits a task that needs it. A table has two
 * words, both v in that of change v. FOLLOWERS workers claim tasks in any order, and follow first.
 * Up to DEATHS of them die after any step. Then the task waits again, and the successor has
 * nothing. With NO_RECHECK a follower does not read the number of changes again. With ONE_TABLE
 * there is one place for tables, with COUNT_FIRST a change is counted before its table is written,
 * and with SUBMIT_FIRST the task is submitted before the change is counted.
 *
 * Checked: what a worker has when it runs a task is of one table, and not older than the task.
 * Every task runs.
 */
#ifndef CHANGES
#define CHANGES 3 /* or 4 */
#endif
#ifndef FOLLOWERS
#define FOLLOWERS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#ifdef ONE_TABLE
#define PLACE(v) 0
#else
#define PLACE(v) ((v) % 2)
#endif
#define NO_TASK 15
#if CHANGES == 3
#define SOME_WAITS (waits[1] || waits[2] || waits[3])
#else
#define SOME_WAITS (waits[1] || waits[2] || waits[3] || waits[4])
#endif

byte mappings;
byte low[2], high[2];
bool waits[CHANGES + 1]; /* the task that needs that change */
byte ran;
byte hand[FOLLOWERS] = NO_TASK;
byte has[FOLLOWERS];
byte deaths;
bool dies[FOLLOWERS];

active proctype Owner()
{
	byte v;

	do
	:: v < CHANGES ->
#ifdef SUBMIT_FIRST
		waits[v + 1] = true;
#endif
#ifdef COUNT_FIRST
		mappings = v + 1;
#endif
		low[PLACE(v + 1)] = v + 1;
		high[PLACE(v + 1)] = v + 1;
#ifndef COUNT_FIRST
		mappings = v + 1;
#endif
#ifndef SUBMIT_FIRST
		waits[v + 1] = true;
#endif
		v++
	:: else -> break
	od
}

proctype Follower(byte me)
{
	byte begin, l, h, n;

	{
	do
	:: atomic { SOME_WAITS ->
		n = 1;
		do
		:: !waits[n] -> n++
		:: else -> break
		od;
		waits[n] = false;
		hand[me] = n;
		n = 0 };
		if
		:: mappings != has[me] ->
			do
			:: true ->
				begin = mappings;
				l = low[PLACE(begin)];
				h = high[PLACE(begin)];
#ifdef NO_RECHECK
				break
#else
				if
				:: mappings == begin -> break
				:: else
				fi
#endif
			od;
			atomic {
				assert(l == h && l == begin);
				has[me] = begin;
				begin = 0;
				l = 0;
				h = 0
			}
		:: else
		fi;
		atomic {
			assert(has[me] >= hand[me]);
			hand[me] = NO_TASK;
			ran++
		}
	:: ran == CHANGES -> break
	od
	} unless { dies[me] }
	if
	:: dies[me] ->
		atomic {
			if
			:: hand[me] != NO_TASK -> waits[hand[me]] = true; hand[me] = NO_TASK
			:: else
			fi;
			has[me] = 0;
			dies[me] = false;
			run Follower(me)
		}
	:: else
	fi
}

active proctype Kernel()
{
	byte n;

	atomic {
		n = 0;
		do
		:: n < FOLLOWERS -> run Follower(n); n++
		:: else -> break
		od
	}
end:
	do
	:: atomic { deaths < DEATHS && ran < CHANGES ->
		n = 0;
		do
		:: n + 1 < FOLLOWERS -> n++
		:: break
		od;
		if
		:: !dies[n] -> dies[n] = true; deaths++
		:: else
		fi;
		n = 0 }
	od
}
