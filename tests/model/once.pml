/*
 * once.pml - a function that has to succeed once: sync/once.c. The lock is that of mutex.pml.
 *
 * PROCESSES processes want it done. The function may fail. Up to DEATHS of them die after any step.
 * With MARK_FIRST it counts as done before it is.
 *
 * Checked: who is told that it is done finds it done, and it succeeds once, unless who ran it died
 * before it could say so.
 */
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef DEATHS
#define DEATHS 2
#endif

#define NOBODY 15

byte lock = NOBODY;
bool marked;
byte successes;
bool dead[PROCESSES], over[PROCESSES];
byte deaths, failures;

active [PROCESSES] proctype Process()
{
	{
	if
	:: marked
	:: else ->
		atomic { lock == NOBODY -> lock = _pid };
		if
		:: marked
		:: else ->
#ifdef MARK_FIRST
			marked = true;
#endif
			if
			:: atomic { successes++; assert(successes <= 1 + deaths) };
				marked = true
			:: failures < 1 -> failures++
			fi
		fi;
		lock = NOBODY
	fi;
	assert(!marked || successes > 0);
	over[_pid] = true
	} unless { dead[_pid] }
}

active proctype Kernel()
{
	byte n;

end:
	do
	:: atomic { deaths < DEATHS ->
		n = 0;
		do
		:: n + 1 < PROCESSES -> n++
		:: break
		od;
		if
		:: !dead[n] && !over[n] ->
			dead[n] = true;
			deaths++;
			lock = (lock == n -> NOBODY : lock)
		:: else
		fi;
		n = 0 }
	od
}
