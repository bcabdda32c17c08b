/*
 * seats.pml - what members take from a shared stock by naming themselves in it: rooms
 * (lib/queue/bell.c) and batch slots (lib/batch/open.c), with what the supervisor does after a
 * death (room_evict()).
 *
 * MEMBERS members, each in a seat of its own, take one of HOLDS holds and leave it again, ROUNDS
 * times in all. Up to DEATHS times a member dies after any of its steps; the supervisor frees what
 * its name still holds, and only then seats a successor with the next generation. The supervisor
 * may die within that, and its successor begins the same repair anew.
 *
 * Each option of a process is one access to a shared word. A load and the compare-and-swap on what
 * it gave are one access.
 *
 * Checked: no two members have one hold, nobody takes a hold from a living member, an announcement
 * never outlives its member's repair without a holder, and at the end every hold is free.
 */
#ifndef MEMBERS
#define MEMBERS 3
#endif
#ifndef HOLDS
#define HOLDS 2
#endif
#ifndef ROUNDS
#define ROUNDS 4
#endif
#ifndef DEATHS
#define DEATHS 2
#endif

/* What a member does next. */
#define REST 0
#define NAME 1
#define ANNOUNCE 2
#define RETRACT 3
#define LEAVE 4
#define DEAD 5

/* HELD_BY() of a seat and its generation. */
#define name_of(member, generation) ((member) + MEMBERS * (generation) + 1)
#define MY_NAME name_of(_pid, generation[_pid])

byte holder[HOLDS];
bool announced[HOLDS];
byte user[HOLDS]; /* not shared memory: the member that believes it has the hold, plus 1 */
byte next[MEMBERS];
byte has[MEMBERS];
byte generation[MEMBERS];
byte begun, deaths;

/* The supervisor. */
bool repairing, cleared;
byte victim, h;

active [MEMBERS] proctype Member()
{
	byte n;

end:
	do
	:: atomic {
		next[_pid] == REST && begun < ROUNDS ->
		n = 0;
		do
		:: n + 1 < HOLDS -> n++
		:: break
		od;
		if
		:: holder[n] == 0 ->
			begun++;
			assert(user[n] == 0);
			user[n] = _pid + 1;
			has[_pid] = n;
#ifdef NAME_AFTER_TAKE
			holder[n] = 255;
			next[_pid] = NAME
#else
			holder[n] = MY_NAME;
			next[_pid] = ANNOUNCE
#endif
		:: else
		fi;
		n = 0
	}
	:: d_step {
		next[_pid] == NAME ->
		holder[has[_pid]] = MY_NAME;
		next[_pid] = ANNOUNCE
	}
	:: d_step {
		next[_pid] == ANNOUNCE ->
		assert(holder[has[_pid]] == MY_NAME);
		announced[has[_pid]] = true;
		next[_pid] = RETRACT
	}
	:: d_step {
		next[_pid] == RETRACT ->
		assert(holder[has[_pid]] == MY_NAME);
#ifndef NO_RETRACT
		announced[has[_pid]] = false;
#endif
		next[_pid] = LEAVE
	}
	:: d_step {
		next[_pid] == LEAVE ->
		assert(holder[has[_pid]] == MY_NAME && user[has[_pid]] == _pid + 1);
		assert(!announced[has[_pid]]);
		user[has[_pid]] = 0;
		holder[has[_pid]] = 0;
		has[_pid] = 0;
		next[_pid] = REST
	}
	od
}

/* Does the hold belong to the dead member, as the supervisor sees it? */
#define is_dead_ones(a_hold) (holder[a_hold] == name_of(victim, generation[victim]))

#ifdef SEAT_BEFORE_REPAIR
#define SEATED(member) \
	next[member] = REST; \
	has[member] = 0
#else
#define SEATED(member) skip
#endif

active proctype Supervisor()
{
	byte n;

end:
	do
	:: atomic {
		!repairing && deaths < DEATHS ->
		n = 0;
		do
		:: n + 1 < MEMBERS -> n++
		:: break
		od;
		d_step {
			deaths++;
			victim = n;
			if
			:: next[n] != REST -> user[has[n]] = 0
			:: else
			fi;
			next[n] = DEAD;
			SEATED(n);
			repairing = true;
			h = 0;
			n = 0
		}
	}
	/* The supervisor dies: its successor begins anew. */
	:: d_step {
		repairing && deaths < DEATHS ->
		deaths++;
		cleared = false;
		h = 0
	}
	:: d_step {
		repairing && !cleared && h < HOLDS ->
		if
		:: is_dead_ones(h) -> announced[h] = false
		:: else
		fi;
		cleared = true
	}
	:: d_step {
		repairing && cleared && h < HOLDS ->
		if
		:: is_dead_ones(h) -> holder[h] = 0
		:: else
		fi;
		cleared = false;
		h++
	}
	:: d_step {
		repairing && h == HOLDS ->
#ifndef SEAT_BEFORE_REPAIR
		next[victim] = REST;
		has[victim] = 0;
#endif
		generation[victim]++;
		repairing = false;
		victim = 0;
		h = 0
	}
	od
}

#define all_free \
	(holder[0] == 0 && !announced[0] && (HOLDS < 2 || (holder[HOLDS - 1] == 0 && !announced[HOLDS - 1])))

/* A hold that stays taken, or an announcement that stays, leaves an invalid end state. */
active proctype End()
{
	begun == ROUNDS && !repairing && all_free
}
