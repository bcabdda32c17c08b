/*
 * gate.pml - a queue whose callers sleep at gates: sync/gate.c, sync/queue.c. An event and a value
 * wait in the same way.
 *
 * PUTTERS processes put an item each, GETTERS take one each. Up to DEATHS of them die after any
 * step. The door is free again then. A sleep that ends by itself does so only if nothing else can
 * happen, as often as there were deaths. With NO_SLICE none does. With HASTY a getter looks at the
 * gate behind its look at the queue.
 *
 * Checked: at the end nobody sleeps while there is an item; items are put and taken once; only a
 * dead getter's item is gone.
 */
#ifndef PUTTERS
#define PUTTERS 2
#endif
#ifndef GETTERS
#define GETTERS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define PROCESSES (PUTTERS + GETTERS)
#define NOBODY 15

byte door = NOBODY;
byte head, tail;
byte news;
bool noted;
bool sleeps[PROCESSES], dead[PROCESSES], over[PROCESSES];
byte got, taken_by_dead;
bool has_taken[PROCESSES];
byte deaths, slices;

inline wake_all()
{
	byte w;
	for (w : 0 .. PROCESSES - 1) {
		sleeps[w] = false
	}
	w = 0
}

active [PUTTERS] proctype Putter()
{
	bool wakes;

	{
	atomic { door == NOBODY -> door = _pid };
	tail++;
	atomic { door = NOBODY };
	atomic { news++; wakes = noted; noted = false };
	if
	:: wakes -> atomic { wake_all() }
	:: else
	fi;
	over[_pid] = true
	} unless { dead[_pid] }
}

active [GETTERS] proctype Getter()
{
	byte seen;
	bool found;

	{
	do
	:: true ->
#ifndef HASTY
		seen = news;
#endif
		atomic { door == NOBODY -> door = _pid };
		if
		:: head < tail ->
			atomic { head++; has_taken[_pid] = true };
			found = true
		:: else
		fi;
		atomic { door = NOBODY };
		if
		:: found -> break
		:: else
		fi;
#ifdef HASTY
		seen = news;
#endif
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
end:
		!sleeps[_pid]
	od;
	atomic { got++; over[_pid] = true }
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
			sleeps[n] = false;
			door = (door == n -> NOBODY : door);
			taken_by_dead = taken_by_dead + has_taken[n]
		:: else
		fi;
		n = 0 }
	od
}

active proctype Clock()
{
	byte i;

end:
	do
#ifndef NO_SLICE
	:: atomic { timeout && slices < deaths -> slices++; wake_all() }
#endif
	:: atomic { timeout && slices >= deaths ->
		for (i : 0 .. PROCESSES - 1) {
			assert(!sleeps[i] || head == tail)
		}
		assert(head == got + taken_by_dead);
		break }
#ifdef NO_SLICE
	:: atomic { timeout ->
		for (i : 0 .. PROCESSES - 1) {
			assert(!sleeps[i] || head == tail)
		}
		break }
#endif
	od
}
