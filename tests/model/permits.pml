/*
 * permits.pml - a semaphore whose permits are robust locks: sync/semaphore.c.
 *
 * PROCESSES processes take and give back one of PERMITS permits. Up to DEATHS of them die after any
 * step; what they hold is free then, and nobody is told. A sleep that ends by itself does so only
 * if nothing else can happen, as often as there were deaths. With NO_SLICE none does. With
 * TELL_FIRST a holder tells before it gives back.
 *
 * Checked: nobody sleeps for ever; never more holders than permits.
 */
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef PERMITS
#define PERMITS 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define NOBODY 15

byte holder[PERMITS] = NOBODY;
byte news;
bool noted;
bool sleeps[PROCESSES], dead[PROCESSES], over[PROCESSES];
byte holders, deaths, slices;

inline wake_all()
{
	byte w;
	for (w : 0 .. PROCESSES - 1) {
		sleeps[w] = false
	}
	w = 0
}

active [PROCESSES] proctype Process()
{
	byte seen, p;
	bool wakes;

	{
	do
	:: true ->
		seen = news;
		p = 0;
		do
		:: atomic { p < PERMITS && holder[p] == NOBODY ->
			holder[p] = _pid;
			holders++;
			assert(holders <= PERMITS) };
			break
		:: atomic { p < PERMITS && holder[p] != NOBODY -> p++ }
		:: p == PERMITS -> break
		od;
		if
		:: p < PERMITS -> break
		:: else
		fi;
		atomic {
			if
			:: seen == news -> noted = true
			:: else
			fi
		};
		atomic {
			if
			:: seen == news && noted -> sleeps[_pid] = true
			:: else
			fi
		};
		!sleeps[_pid]
	od;
#ifndef TELL_FIRST
	atomic { holder[p] = NOBODY; holders-- };
#endif
	atomic { news++; wakes = noted; noted = false };
	if
	:: wakes -> atomic { wake_all() }
	:: else
	fi;
#ifdef TELL_FIRST
	atomic { holder[p] = NOBODY; holders-- };
#endif
	over[_pid] = true
	} unless { dead[_pid] }
}

active proctype Kernel()
{
	byte n, i;

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
			sleeps[n] = false;
			for (i : 0 .. PERMITS - 1) {
				holders = holders - (holder[i] == n);
				holder[i] = (holder[i] == n -> NOBODY : holder[i])
			}
		:: else
		fi;
		i = 0;
		n = 0 }
	od
}

active proctype Clock()
{
end:
	do
#ifndef NO_SLICE
	:: atomic { timeout && slices < deaths -> slices++; wake_all() }
#else
	:: false
#endif
	od
}
