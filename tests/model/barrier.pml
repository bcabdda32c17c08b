/*
 * barrier.pml - parties that wait for each other and notice who has died: sync/barrier.c.
 *
 * PARTIES processes pass ROUNDS rounds. Up to DEATHS of them die after any step, and do not come
 * back. Each has a seat of its own while it waits; with JOINED=1 it has the seat from the start to
 * its end. A sleep that ends by itself, with a look for the dead, does so only if nothing else can
 * happen. With NO_LOOK a waiter never looks. With STATE_FIRST who ends a round changes the state
 * before it writes the endings.
 *
 * Checked: nobody waits for ever, but where too few are left that never had a seat; all who wait in
 * a round are told the same; nobody passes a round that another one has not reached.
 */
#ifndef PARTIES
#define PARTIES 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef JOINED
#define JOINED 1
#endif

#define NOBODY 15
#define MET 1
#define BROKEN 2

byte door = NOBODY;
byte round;
bool broken;
byte arrived[PARTIES]; /* the round and 1 */
byte ending[PARTIES];
bool seated[PARTIES]; /* holds the lock of its seat */
bool died[PARTIES];   /* the lock of its seat is a dead one's */
bool sleeps[PARTIES], dead[PARTIES], over[PARTIES];
byte told[ROUNDS + 2];  /* what the first one was told of that round */
byte reached[PARTIES];
byte deaths, slices;
bool looks[PARTIES];

inline wake_all()
{
	byte w;
	for (w : 0 .. PARTIES - 1) {
		sleeps[w] = false
	}
	w = 0
}

#define WAITS(n) (arrived[n] == round + 1)
#define GONE(n) (died[n] && (WAITS(n) || JOINED))

/* In the door. Each ending is a step of its own, and so is the state. */
inline end_round(how)
{
#ifdef STATE_FIRST
	atomic { round++; broken = (how == BROKEN); wake_all() };
#endif
	i = 0;
	do
	:: i < PARTIES ->
#ifdef STATE_FIRST
		atomic { ending[i] = (arrived[i] == round -> how : ending[i]); i++ }
#else
		atomic { ending[i] = (WAITS(i) -> how : ending[i]); i++ }
#endif
	:: else -> break
	od;
	i = 0;
#ifndef STATE_FIRST
	atomic { round++; broken = (how == BROKEN) };
	atomic { wake_all() }
#endif
}

inline look_for_dead()
{
	if
	:: !broken && (GONE(0) || GONE(1) || GONE(PARTIES - 1)) -> end_round(BROKEN)
	:: else
	fi
}

#define COUNT (WAITS(0) + WAITS(1) + (PARTIES > 2 -> WAITS(PARTIES - 1) : 0))

active [PARTIES] proctype Party()
{
	byte rounds, i, mine;

	{
	seated[_pid] = JOINED;
	do
	:: rounds < ROUNDS ->
		atomic { door == NOBODY -> door = _pid };
		reached[_pid] = rounds + 1;
		look_for_dead();
		if
		:: broken ->
			door = NOBODY;
			break
		:: else
		fi;
		seated[_pid] = true;
		ending[_pid] = 0;
		atomic { mine = round; arrived[_pid] = round + 1 };
		if
		:: COUNT == PARTIES -> end_round(MET)
		:: else
		fi;
		door = NOBODY;
		do
		:: round != mine -> break
		:: atomic { round == mine -> sleeps[_pid] = true };
end:			!sleeps[_pid];
#ifndef NO_LOOK
			if
			:: looks[_pid] ->
				looks[_pid] = false;
				atomic { door == NOBODY -> door = _pid };
				look_for_dead();
				door = NOBODY
			:: else
			fi
#endif
		od;
		atomic {
			assert(ending[_pid] == MET || ending[_pid] == BROKEN);
			assert(told[mine] == 0 || told[mine] == ending[_pid]);
			assert(ending[_pid] != MET || (reached[0] > rounds && reached[1] > rounds && reached[PARTIES - 1] > rounds));
			told[mine] = ending[_pid]
		};
		if
		:: ending[_pid] == BROKEN -> break
		:: else
		fi;
		seated[_pid] = JOINED;
		rounds++
	:: else -> break
	od;
	atomic { seated[_pid] = false; over[_pid] = true }
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
		:: n + 1 < PARTIES -> n++
		:: break
		od;
		if
		:: !dead[n] && !over[n] ->
			dead[n] = true;
			deaths++;
			sleeps[n] = false;
			died[n] = seated[n];
			seated[n] = false;
			door = (door == n -> NOBODY : door)
		:: else
		fi;
		n = 0 }
	od
}

/* Somebody waits although a party is gone that had a seat in this round. */
#define FORGOTTEN(n) (sleeps[n] && !broken && (GONE(0) || GONE(1) || GONE(PARTIES - 1)))

active proctype Clock()
{
	byte i;

end:
	do
	:: atomic { timeout && slices < deaths ->
		slices++;
		for (i : 0 .. PARTIES - 1) {
			looks[i] = sleeps[i];
			sleeps[i] = false
		}
		i = 0 }
	:: atomic { timeout && slices >= deaths ->
		for (i : 0 .. PARTIES - 1) {
			assert(!FORGOTTEN(i))
		}
		assert(deaths > 0 || (over[0] && over[1] && over[PARTIES - 1]));
		break }
	od
}
