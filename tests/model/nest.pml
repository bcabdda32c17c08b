/*
 * nest.pml - nested work: work/nest.c, batch/help.c, pool/recover.c, orphans.c.
 *
 * The owner has submitted one task, A. Its run opens a batch of CHILDREN tasks and waits for them.
 * While it waits its worker runs them, too, as do the other WORKERS. Up to DEATHS times a worker
 * dies after any of its steps. The supervisor takes its batch over, settles its slots and seats a
 * successor, and frees the batch when no slot names it.
 *
 * Each option of a process is one access to shared words. Sleeping is left out: a process waits
 * until what it waits for is true (wake.pml has the bells).
 *
 * Checked: A is published once, by a run all of whose children were published for it; no task
 * touches a batch that was freed, nor that of a later opener; a death is charged to at most one
 * task, and to the innermost one; in the end A is published, all slots are free, and no batch is
 * open.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef CHILDREN
#define CHILDREN 2
#endif
#ifndef BATCHES
#define BATCHES 2
#endif
/* Slot 0 is A's; each batch has slots of its own, so that the ring is never full. */
#define SLOTS (1 + BATCHES * CHILDREN)
#define NOBODY 255

#define FREE 0
#define READY 2
#define OWNED 3

/* What a worker does next. */
#define REST 0
#define OPEN 1
#define SUBMIT 2
#define WAIT 3
#define ENTER 4 /* a child: is its batch still open? */
#define TELL 5
#define LEAVE 6
#define PUBLISH 7
#define RETIRE 8
#define RELEASE 9
#define DEAD 10

/* Of the ring's slots. */
byte slot[SLOTS], owner[SLOTS], serial_of[SLOTS], charges[SLOTS];
/* Of batch slots: the opener is a worker + 1, or ORPHANED. */
#define ORPHANED 200
byte opener[BATCHES], serial[BATCHES], told[SLOTS];
bool retired[BATCHES];
byte serials = 1;
bool published;

/* Of workers. The seat: which slot is innermost. */
byte hand[WORKERS];
byte next[WORKERS], mine[WORKERS], count[WORKERS], inner[WORKERS], after[WORKERS];
byte deaths, died = NOBODY, charged;

#define batch_of(s) (((s) - 1) / CHILDREN)
#define first_of(b) (1 + (b) * CHILDREN)

#if SLOTS == 3
#define any_child (slot[1] == READY || slot[2] == READY)
#else
#define any_child (slot[1] == READY || slot[2] == READY || slot[3] == READY || slot[4] == READY)
#endif
#if CHILDREN == 1
#define is_ready(b) (slot[first_of(b)] == READY)
#define all_told(b) told[first_of(b)]
#define is_named(b) (slot[first_of(b)] != FREE)
#else
#define is_ready(b) (slot[first_of(b)] == READY || slot[first_of(b) + 1] == READY)
#define all_told(b) (told[first_of(b)] && told[first_of(b) + 1])
#define is_named(b) (slot[first_of(b)] != FREE || slot[first_of(b) + 1] != FREE)
#endif

/* Claim a task that is READY; its run begins with @begin, and ends at @then. */
#define claim(s, begin, then) \
	slot[s] = OWNED; \
	owner[s] = me; \
	inner[me] = s; \
	after[me] = then; \
	next[me] = begin

#define can_claim(s) (slot[s] == READY)
#define is_own(s) (batch_of(s) == mine[me])

proctype worker(byte me) {
	byte s;
	do
	:: d_step { next[me] == REST && can_claim(0) ->
		slot[0] = OWNED; owner[0] = me; hand[me] = 0; next[me] = OPEN }
	:: d_step { next[me] == REST && any_child ->
		s = 1;
		do
		:: s < SLOTS && !can_claim(s) -> s++
		:: else -> break
		od;
		claim(s, ENTER, REST);
		hand[me] = s;
		s = 0 }
	/* A: open a batch. */
	:: d_step { next[me] == OPEN && (opener[0] == 0 || opener[BATCHES - 1] == 0) ->
		s = (opener[0] == 0 -> 0 : BATCHES - 1);
		opener[s] = me + 1;
		serial[s] = serials;
		serials++;
		retired[s] = false;
		mine[me] = s;
		count[me] = 0;
		next[me] = SUBMIT;
		s = 0 }
	:: d_step { next[me] == SUBMIT && count[me] < CHILDREN ->
		s = first_of(mine[me]) + count[me];
		assert(slot[s] == FREE);
		slot[s] = READY;
		serial_of[s] = serial[mine[me]];
		told[s] = false;
		charges[s] = 0;
		count[me]++;
		if
		:: count[me] == CHILDREN -> next[me] = WAIT
		:: else -> skip
		fi;
		s = 0 }
	:: d_step { next[me] == WAIT && all_told(mine[me]) -> next[me] = PUBLISH }
#ifndef NO_HELP
	/* Help: its own, or those of an orphan, which it drops. */
	:: d_step { next[me] == WAIT && !all_told(mine[me]) && any_child ->
		s = 1;
		do
		:: s < SLOTS && !can_claim(s) -> s++
		:: else -> break
		od;
		claim(s, ENTER, WAIT);
		s = 0 }
#endif
	:: d_step { next[me] == ENTER ->
		hand[me] = inner[me];
		next[me] = (retired[batch_of(inner[me])] -> LEAVE : TELL) }
	:: d_step { next[me] == TELL ->
		/* It writes its result: the memory must be there, and be that of its own batch. */
		assert(serial[batch_of(inner[me])] == serial_of[inner[me]]);
		assert(opener[batch_of(inner[me])] != 0);
		assert(!told[inner[me]]);
		told[inner[me]] = true;
#ifdef HAND_LATE
		next[me] = LEAVE }
	:: d_step { next[me] == LEAVE ->
		slot[inner[me]] = FREE;
		next[me] = after[me] }
#else
		if
		:: after[me] == WAIT -> hand[me] = 0
		:: else -> skip
		fi;
		next[me] = LEAVE }
	:: d_step { next[me] == LEAVE ->
		if
		:: after[me] == WAIT -> hand[me] = 0
		:: else -> skip
		fi;
		slot[inner[me]] = FREE;
		next[me] = after[me] }
#endif
	/* A is done. */
	:: d_step { next[me] == PUBLISH ->
		assert(!published);
		published = true;
		next[me] = RETIRE }
	:: d_step { next[me] == RETIRE && !is_named(mine[me]) ->
		opener[mine[me]] = 0;
		serial[mine[me]] = 0;
		next[me] = RELEASE }
	:: d_step { next[me] == RELEASE ->
		slot[0] = FREE;
		next[me] = REST }
	:: d_step { deaths < DEATHS && died == NOBODY && next[me] != DEAD && next[me] != REST ->
		deaths++;
		died = me;
		next[me] = DEAD }
	:: published && next[me] == REST && deaths == DEATHS && slot[0] == FREE -> break
	:: timeout -> break
	od
}

/* Settle one slot of the dead worker. A task whose batch is retired is dropped. */
#define settle(s) \
	if \
	:: slot[s] == OWNED && owner[s] == died -> \
		if \
		:: hand[died] == s || hand_lost -> charged++; charges[s]++ \
		:: else -> skip \
		fi; \
		if \
		:: s == 0 && published -> slot[s] = FREE \
		:: s > 0 && (retired[batch_of(s)] || told[s]) -> slot[s] = FREE \
		:: else -> slot[s] = READY \
		fi \
	:: else -> skip \
	fi

#define withdraw(b) \
	s = first_of(b); \
	do \
	:: s < first_of(b) + CHILDREN -> \
		if \
		:: slot[s] == READY -> slot[s] = FREE \
		:: else -> skip \
		fi; \
		s++ \
	:: else -> break \
	od; \
	s = 0
#ifdef FREE_EARLY
#define may_free(b) (!is_ready(b))
#else
#define may_free(b) (!is_named(b))
#endif

proctype supervisor() {
	byte b, s;
	bool hand_lost;
	do
	:: died != NOBODY ->
		/* Take its batches over, one by one. */
#ifndef NO_DISOWN
		b = 0;
		do
		:: b < BATCHES ->
			d_step {
				if
				:: opener[b] == died + 1 -> retired[b] = true; opener[b] = ORPHANED
				:: else -> skip
				fi;
				b++
			}
		:: else -> break
		od;
#endif
		skip;
		d_step {
			hand_lost = !(slot[hand[died]] == OWNED && owner[hand[died]] == died);
			charged = 0;
			s = SLOTS
		}
		do
		:: s > 0 -> d_step { s--; settle(s) }
		:: else -> break
		od;
		skip;
		d_step {
			assert(charged <= 1);
			hand_lost = false;
			s = 0; b = 0;
			next[died] = REST; mine[died] = 0; count[died] = 0; inner[died] = 0; after[died] = 0; hand[died] = 0;
			died = NOBODY
		}
	/* Free what was taken over: first out of the ring, then the memory. */
	:: d_step { opener[0] == ORPHANED && is_ready(0) -> withdraw(0) }
	:: d_step { opener[0] == ORPHANED && may_free(0) -> opener[0] = 0; serial[0] = 0 }
#if BATCHES == 2
	:: d_step { opener[1] == ORPHANED && is_ready(1) -> withdraw(1) }
	:: d_step { opener[1] == ORPHANED && may_free(1) -> opener[1] = 0; serial[1] = 0 }
#endif
	:: timeout -> break
	od
}

init {
	byte i;
	atomic {
		slot[0] = READY;
		for (i : 0 .. WORKERS - 1) {
			run worker(i)
		}
		run supervisor()
	}
	timeout;
	assert(published);
	assert(slot[0] == FREE);
	for (i : 0 .. BATCHES - 1) {
		assert(opener[i] == 0)
	}
	for (i : 0 .. SLOTS - 1) {
		assert(slot[i] == FREE)
	}
}
