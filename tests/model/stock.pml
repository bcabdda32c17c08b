/*
 * stock.pml - units of the heap that stay committed from one batch to the next
 * (lib/segment/stock.c), and how they are given back (lib/pool/stocktake.c).
 *
 * The opener opens ROUNDS batches, one after the other, and retires each when no worker is in it.
 * WORKERS workers take units for the batch that is open: from the stock, or free ones. A worker may
 * give the stock back, in need. UNITS units, of which SLOTS fit the stock. Up to DEATHS times a
 * worker or the supervisor dies after any of its steps. Nobody repairs anything: a dead worker has
 * left the batch, and a supervisor's successor begins by giving the stock back.
 *
 * Each option of a process is one access to a shared word. A load and the compare-and-swap on what
 * it gave are one access. The opener's search for units of its batch is one access each time: their
 * words do not change meanwhile.
 *
 * Checked: a unit has one user; a unit in the stock has a slot; a batch that is retired has no
 * units; and in the end no unit is in the stock, with the supervisor asleep.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef UNITS
#define UNITS 3
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif
#ifndef DEATHS
#define DEATHS 2
#endif

/* Words of the heap map: else the number of a batch, from 1 on. */
#define FREE 0
#define STOCKED 100
#define LEAVING 101

#define NONE UNITS

byte map[UNITS];
byte slot[SLOTS]; /* 1 + a unit; 0: none */
byte units;       /* of the batch: counted */
bool watched;
bool nudged;   /* the supervisor has been woken */
byte batch;    /* that is open; 0: none */
bool closing;  /* no worker begins */
byte inside;   /* workers in the batch: slots of the ring that name it */
byte rounds, deaths;
bool used[UNITS]; /* not shared memory: somebody uses the unit */
bool over;

/* What a worker does next. */
#define REST 0
#define CHOOSE 1
#define TAKE 2
#define CLAIM 3
#define LATE 4
#define NEED 5
#define GIVE 6

byte next[WORKERS];
byte has[WORKERS];

#define choose(n, most) \
	n = 0; \
	do \
	:: n + 1 < most -> n++ \
	:: break \
	od

active [WORKERS] proctype Worker()
{
	byte n;

end:
	do
	:: d_step {
		next[_pid] == REST && batch && !closing ->
		inside++;
		next[_pid] = CHOOSE
	}
	:: d_step {
		/* It has what it wanted, or wants nothing. */
		next[_pid] == CHOOSE ->
		inside--;
		next[_pid] = REST
	}
	:: atomic {
		next[_pid] == CHOOSE && units < UNITS ->
#ifndef COUNT_AFTER_TAKE
		units++;
#endif
		if
		:: next[_pid] = TAKE
		:: next[_pid] = CLAIM
		fi
	}
	:: atomic {
		next[_pid] == TAKE ->
		choose(n, SLOTS);
		if
		:: slot[n] && map[slot[n] - 1] == STOCKED ->
			assert(!used[slot[n] - 1]);
			used[slot[n] - 1] = true;
			map[slot[n] - 1] = batch;
			next[_pid] = LATE
		:: else -> next[_pid] = CHOOSE
		fi;
		n = 0
	}
	:: atomic {
		next[_pid] == CLAIM ->
		choose(n, UNITS);
		if
		:: map[n] == FREE ->
			assert(!used[n]);
			used[n] = true;
			map[n] = batch;
			next[_pid] = LATE
		:: else -> next[_pid] = NEED
		fi;
		n = 0
	}
	:: d_step {
		next[_pid] == LATE ->
#ifdef COUNT_AFTER_TAKE
		units++;
#endif
		next[_pid] = CHOOSE
	}
	:: d_step {
		next[_pid] == NEED ->
		units = units + SLOTS;
		next[_pid] = GIVE
	}
	:: atomic {
		next[_pid] == GIVE && has[_pid] == 0 ->
		choose(n, SLOTS);
		if
		:: slot[n] && map[slot[n] - 1] == STOCKED ->
			assert(!used[slot[n] - 1]);
			map[slot[n] - 1] = batch;
			has[_pid] = slot[n]
		:: else -> next[_pid] = CHOOSE
		fi;
		n = 0
	}
	:: d_step {
		next[_pid] == GIVE && has[_pid] ->
		map[has[_pid] - 1] = FREE;
		has[_pid] = 0;
		next[_pid] = CHOOSE
	}
	:: d_step {
		next[_pid] != REST && deaths < DEATHS ->
		deaths++;
		inside--;
		has[_pid] = 0;
		next[_pid] = REST
	}
	od
}

/* Does the slot name a unit that must keep it? */
#ifdef REUSE_LEAVING
#define is_kept(s) (slot[s] && map[slot[s] - 1] == STOCKED)
#else
#define is_kept(s) (slot[s] && (map[slot[s] - 1] == STOCKED || map[slot[s] - 1] == LEAVING))
#endif

active proctype Opener()
{
	byte u, s, missing;
	bool kept;

	do
	:: rounds == ROUNDS -> break
	:: else ->
		d_step {
			rounds++;
			units = 0;
			batch = rounds;
			closing = false
		}
		d_step {
			closing = true
		}
		d_step {
			inside == 0 ->
			missing = units;
			u = 0;
			kept = false
		}
		do
		:: atomic {
			u == UNITS || !missing -> break
		}
		:: atomic {
			u < UNITS && missing && map[u] != batch -> u++
		}
		:: atomic {
			u < UNITS && missing && map[u] == batch ->
			s = 0;
			do
			:: s < SLOTS && is_kept(s) -> s++
			:: else -> break
			od;
			used[u] = false
		};
		if
		:: atomic {
			s == SLOTS ->
			map[u] = FREE
		}
		:: atomic {
			s < SLOTS ->
			kept = true;
#ifdef WORD_BEFORE_SLOT
			map[u] = STOCKED
#else
			slot[s] = u + 1
#endif
		};
		atomic {
#ifdef WORD_BEFORE_SLOT
			slot[s] = u + 1
#else
			map[u] = STOCKED
#endif
		}
		fi;
		atomic {
			missing--;
			u++
		}
		od;
		atomic {
			u = 0;
			do
			:: u < UNITS ->
				assert(map[u] != batch);
				u++
			:: else -> break
			od;
			u = 0;
			s = 0;
			missing = 0;
			batch = 0
		}
		d_step {
			if
			:: kept ->
				if
				:: !watched -> nudged = true
				:: else
				fi;
				watched = true
			:: else
			fi;
			kept = false
		}
	od;
	over = true
}

/* What the supervisor does next. */
#define SLEEP 0
#define UNWATCH 1
#define LOOK 2
#define RELEASE 3

byte step, at;

active proctype Supervisor()
{
end:
	do
	:: d_step {
		step == SLEEP && nudged ->
		nudged = false;
		at = 0;
#ifdef UNWATCH_LAST
		step = LOOK
#else
		step = UNWATCH
#endif
	}
	:: d_step {
		step == UNWATCH ->
		watched = false;
#ifdef UNWATCH_LAST
		step = SLEEP
#else
		step = LOOK
#endif
	}
	:: d_step {
		step == LOOK && at < SLOTS ->
		if
		:: slot[at] && map[slot[at] - 1] == STOCKED ->
			assert(!used[slot[at] - 1]);
			map[slot[at] - 1] = LEAVING;
			step = RELEASE
#ifndef FORGET_LEAVING
		:: slot[at] && map[slot[at] - 1] == LEAVING -> step = RELEASE
#endif
		:: else -> at++
		fi
	}
	:: d_step {
		step == RELEASE ->
		map[slot[at] - 1] = FREE;
		at++;
		step = LOOK
	}
	:: d_step {
		step == LOOK && at == SLOTS ->
		at = 0;
#ifdef UNWATCH_LAST
		step = UNWATCH
#else
		step = SLEEP
#endif
	}
	/* What woke it is lost with it. Its successor begins. */
	:: d_step {
		deaths < DEATHS ->
		deaths++;
		nudged = false;
		at = 0;
#ifdef UNWATCH_LAST
		step = LOOK
#else
		step = UNWATCH
#endif
	}
	od
}

#define in_a_slot(u) (slot[0] == u + 1 || (SLOTS > 1 && slot[SLOTS - 1] == u + 1))
#define is_lost(u) (map[u] == STOCKED && !in_a_slot(u))

active proctype Check()
{
end:
	d_step {
		is_lost(0) || is_lost(1) || is_lost(UNITS - 1) ->
		assert(false)
	}
}

#define is_free(u) (map[u] == FREE)

/* A unit that stays in the stock leaves an invalid end state. */
active proctype End()
{
	over && is_free(0) && is_free(1) && is_free(UNITS - 1)
}
