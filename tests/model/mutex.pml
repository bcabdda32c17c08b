/*
 * mutex.pml - a robust mutex of libc and the kernel, and waits for it that end by themselves:
 * os/robust.c, sync/mutex.c, sync/once.c, sync/door.h.
 *
 * PROCESSES processes lock and unlock ROUNDS times. Up to DEATHS of them die after any step. The
 * word has the holder, the bit "somebody waits" and the bit "the holder died". What glibc does to
 * it, and what the kernel does at a death, follows the text of both (nptl/pthread_mutex_timedlock.c
 * of glibc 2.36, kernel/futex/core.c of Linux 6.1, handle_futex_death()).
 *
 * A wait that ends by itself does so only if nothing else can happen, and as often as there were
 * deaths: so this also shows that each death costs at most one such wait. With NO_SLICE no wait
 * ends by itself. Then a waiter that is woken and dies, while another one has the lock already,
 * leaves the third one asleep for ever.
 *
 * Checked: nobody waits for ever; one holder at a time; who takes the lock after a death is told.
 */
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define NOBODY 15

byte holder = NOBODY;
bool waiters, died;
bool sleeps[PROCESSES], pending[PROCESSES], dead[PROCESSES], over[PROCESSES];
byte inside;   /* processes that have the lock, dead ones too until the next one is told */
byte deaths;
byte slices;

inline wake_one()
{
	if
	:: sleeps[0] -> sleeps[0] = false
	:: sleeps[1] -> sleeps[1] = false
	:: sleeps[2] -> sleeps[2] = false
	:: PROCESSES > 3 && sleeps[PROCESSES - 1] -> sleeps[PROCESSES - 1] = false
	:: else
	fi
}

active [PROCESSES] proctype Process()
{
	byte rounds;
	bool assume, wakes;

	{
	do
	:: rounds < ROUNDS ->
		pending[_pid] = true;
		assume = false;
		do
		:: atomic { holder == NOBODY ->
			assert(inside == 0 || died);
			inside = 1;
			holder = _pid;
			waiters = (died && waiters) || assume;
			died = false };
			break
		:: atomic { holder != NOBODY ->
			waiters = true };
			atomic {
				if
				:: holder != NOBODY && waiters -> sleeps[_pid] = true
				:: else
				fi
			};
			!sleeps[_pid];
			assume = true
		od;
		pending[_pid] = false;
		/* inside */
		pending[_pid] = true;
		atomic {
			inside = 0;
			holder = NOBODY;
			wakes = waiters;
			waiters = false
		};
		atomic {
			if
			:: wakes -> wake_one()
			:: else
			fi;
			wakes = false
		};
		pending[_pid] = false;
		rounds++
	:: else -> break
	od;
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
			sleeps[n] = false;
			if
			:: holder == n ->
				holder = NOBODY;
				died = true;
				if
				:: waiters -> wake_one()
				:: else
				fi
			:: holder == NOBODY && !died && !waiters && pending[n] -> wake_one()
			:: else
			fi
		:: else
		fi;
		n = 0 }
	od
}

active proctype Clock()
{
end:
	do
#ifndef NO_SLICE
	:: atomic { timeout && slices < deaths ->
		slices++;
		sleeps[0] = false;
		sleeps[1] = false;
		sleeps[2] = false;
		sleeps[PROCESSES - 1] = false }
#else
	:: false
#endif
	od
}
