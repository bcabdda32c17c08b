/*
 * news.pml - one thread sleeps for several batches: batch/several.c, batch/arm.c, pool/news.c, and
 * what workers and the supervisor do for it in queue/bell.c.
 *
 * BATCHES batches have one task each. WORKERS workers claim, publish and release them, and ring for
 * what they have published. The opener takes the result of each batch as it comes. With POLL=0 it
 * sleeps in a room, whose bell it names in the waiter word of each batch. With POLL=1 it arms the
 * batches and sleeps in poll(). Up to DEATHS times a worker dies after any of its steps. Nobody
 * wakes by a timeout, though in the C both do.
 *
 * The pipe holds bytes up to one; more are surplus, because only a pipe without any is not
 * readable. A semaphore is as in wake.pml: to post is to add a token, and in a second step to wake.
 *
 * Each option of a process is one access to a shared word; what follows it in private memory is in
 * the same step. A load and the compare-and-swap on what it gave are one access.
 *
 * Checked: everything ends, and the opener takes each result once.
 */
#ifndef BATCHES
#define BATCHES 2
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef POLL
#define POLL 1
#endif

/* What a process does next. */
#define REST 0
#define PUBLISH 1
#define RELEASE 2
#define CLAIM 3 /* the announcement */
#define POST 4
#define WAKE 5
#define DEAD 6
#define ANNOUNCE 7
#define CHECK 8
#define SLEEP 9
#define BLOCKED 10
#define RETRACT 11
#define NOTE 12
#define ARM 13
#define LOOK 14
#define SCAN 15
#define DRAIN 16
#define SETTLE 17
#define COUNT 18
#define RING 19

#define READY 0
#define OVER 7 /* else: 1 + the worker that owns it */

typedef runner {
	unsigned next : 5;
	unsigned task : 2
}

runner w[WORKERS];
byte owner[BATCHES];
bool published[BATCHES];
bool waiter[BATCHES]; /* it names the opener's room, or the pipe */
unsigned alarms : 3;
bool told; /* a token of the room; a byte in the pipe */

/* The opener. */
#if POLL
unsigned opener : 5 = NOTE; /* its next step */
#else
unsigned opener : 5 = ANNOUNCE;
#endif
unsigned i : 2; /* the batch of that step */
bool taken[BATCHES];
bool armed[BATCHES];
byte noted[BATCHES]; /* alarms when it was armed */
unsigned seen : 3;           /* alarms when the search began */
bool drained;                /* the search is the last one */
unsigned taken_count : 2;

/* The supervisor. */
unsigned repair : 5; /* its next step */
unsigned victim : 2;
unsigned k : 2;
unsigned deaths : 2;

#define ME w[_pid]
#if BATCHES == 2
#define any_ready (owner[0] == READY || owner[1] == READY)
#else
#define any_ready (owner[0] == READY || owner[1] == READY || owner[2] == READY)
#endif
#define everything (taken_count == BATCHES)

#if POLL
/* A write into the pipe is one call of the kernel. */
#define post(me, after) told = true; me = after
#else
#define post(me, after) told = true; me = WAKE
#endif

#ifdef WRITE_BEFORE_CLAIM
#define AFTER_RELEASE POST
#define AFTER_POST CLAIM
#define AFTER_CLAIM REST
#else
#define AFTER_RELEASE CLAIM
#define AFTER_POST REST
#define AFTER_CLAIM POST
#endif

active [WORKERS] proctype Worker()
{
	byte n;

end:
	do
	:: atomic {
		ME.next == REST && any_ready ->
		n = 0;
		do
		:: n + 1 < BATCHES -> n++
		:: break
		od;
		d_step {
			if
			:: owner[n] == READY ->
				owner[n] = _pid + 1;
				ME.task = n;
				ME.next = PUBLISH
			:: else
			fi;
			n = 0
		}
	}
	:: d_step {
		ME.next == PUBLISH ->
		assert(!published[ME.task]);
		published[ME.task] = true;
		ME.next = RELEASE
	}
	:: d_step {
		ME.next == RELEASE ->
		owner[ME.task] = OVER;
		ME.next = AFTER_RELEASE
	}
	:: d_step {
		ME.next == CLAIM ->
		if
		:: waiter[ME.task] ->
			waiter[ME.task] = false;
			ME.next = AFTER_CLAIM
		:: else -> ME.next = REST
		fi;
		ME.task = (ME.next == REST -> 0 : ME.task)
	}
	:: d_step {
		ME.next == POST ->
		post(ME.next, AFTER_POST);
		ME.task = (ME.next == REST -> 0 : ME.task)
	}
	:: d_step {
		ME.next == WAKE ->
		opener = (opener == BLOCKED -> SLEEP : opener);
		ME.next = AFTER_POST;
		ME.task = (ME.next == REST -> 0 : ME.task)
	}
	od
}

/* Goes on with the next batch, or when all were dealt with. */
#define next_batch(step, after) \
	i++; \
	opener = (i == BATCHES -> after : step); \
	i = (i == BATCHES -> 0 : i)

#define take(n) \
	if \
	:: published[n] && !taken[n] -> \
		taken[n] = true; \
		taken_count++ \
	:: else \
	fi

#ifdef NO_RECHECK
#define AFTER_ANNOUNCE SLEEP
#else
#define AFTER_ANNOUNCE CHECK
#endif

/* sheaf_wait(), and sheaf_next_done() for what it has found. */
active proctype Sleeper()
{
end:
	do
	:: d_step {
		opener == ANNOUNCE && !everything ->
		waiter[i] = true;
		next_batch(ANNOUNCE, AFTER_ANNOUNCE)
	}
	:: d_step {
		!POLL && opener == CHECK ->
		if
		:: published[i] && !taken[i] ->
			take(i);
			i = 0;
			opener = RETRACT
		:: else -> next_batch(CHECK, SLEEP)
		fi
	}
	:: d_step {
		!POLL && opener == SLEEP ->
		if
		:: told ->
			told = false;
			opener = RETRACT
		:: else -> opener = BLOCKED
		fi
	}
	:: d_step {
		opener == RETRACT ->
		waiter[i] = false;
		next_batch(RETRACT, ANNOUNCE)
	}
	od
}

#define wants(n) (!taken[n] && !armed[n])

/* sheaf_batch_arm() for each batch, poll(), and sheaf_pool_news() until it has told all. */
active proctype Poller()
{
end:
	do
	:: d_step {
		opener == NOTE && !everything ->
		if
		:: wants(i) ->
			noted[i] = alarms;
			opener = ARM
		:: else -> next_batch(NOTE, SLEEP)
		fi
	}
	:: d_step {
		opener == ARM ->
		armed[i] = true;
		waiter[i] = true;
#ifdef NO_RECHECK
		next_batch(NOTE, SLEEP)
#else
		opener = CHECK
#endif
	}
	:: d_step {
		POLL && opener == CHECK ->
		if
		:: published[i] -> opener = CLAIM
		:: else -> next_batch(NOTE, SLEEP)
		fi
	}
	:: d_step {
		opener == CLAIM ->
		if
		:: waiter[i] ->
			waiter[i] = false;
			opener = POST
		:: else -> next_batch(NOTE, SLEEP)
		fi
	}
	:: d_step {
		opener == POST ->
		told = true;
		next_batch(NOTE, SLEEP)
	}
	/* poll() */
	:: d_step {
		POLL && opener == SLEEP && told ->
		drained = false;
		opener = LOOK
	}
	:: d_step {
		opener == LOOK ->
		seen = alarms;
		opener = SCAN
	}
	/* Each call tells one batch, so the next one begins anew. */
	:: d_step {
		opener == SCAN ->
		if
		:: armed[i] && (!waiter[i] || noted[i] != seen) ->
			armed[i] = false;
			noted[i] = 0;
			take(i);
			i = 0;
			drained = false;
			opener = LOOK
		:: else ->
			next_batch(SCAN, DRAIN)
		fi;
		opener = (opener == DRAIN && drained -> NOTE : opener)
	}
	:: d_step {
		opener == DRAIN ->
		told = false;
		drained = true;
#ifdef DRAIN_LAST
		opener = NOTE
#else
		opener = LOOK
#endif
	}
	od
}

active proctype Supervisor()
{
	byte n;

end:
	do
	:: atomic {
		repair == REST && deaths < DEATHS && !everything ->
		n = 0;
		do
		:: n + 1 < WORKERS -> n++
		:: break
		od;
		d_step {
			deaths++;
			victim = n;
			w[n].next = DEAD;
			w[n].task = 0;
			k = 0;
			repair = SETTLE;
			n = 0
		}
	}
	/* It returns a task, or publishes that it failed, or frees what was published. */
	:: d_step {
		repair == SETTLE && k < BATCHES && (owner[k] != victim + 1 || published[k]) ->
		owner[k] = (owner[k] == victim + 1 -> OVER : owner[k]);
		k++
	}
	:: d_step {
		repair == SETTLE && k < BATCHES && owner[k] == victim + 1 && !published[k] ->
		owner[k] = READY;
		k++
	}
	:: d_step {
		repair == SETTLE && k < BATCHES && owner[k] == victim + 1 && !published[k] ->
		published[k] = true
	}
	:: d_step {
		repair == SETTLE && k == BATCHES ->
		k = 0;
		repair = COUNT
	}
	:: d_step {
		repair == COUNT ->
#ifndef NO_ALARM
		alarms++;
#endif
		repair = RING
	}
	/* gatherer_ring_all(), room_ring_all(); then the successor. */
	:: d_step {
		repair == RING ->
#ifdef HEAL_ANNOUNCED
		told = told || waiter[0] || waiter[BATCHES - 1];
#elif !defined(NO_HEAL)
		told = true;
#endif
#ifndef NO_HEAL
		opener = (!POLL && opener == BLOCKED && told -> SLEEP : opener);
#endif
		w[victim].next = REST;
		victim = 0;
		repair = REST
	}
	od
}

/* A process that is stuck before that leaves an invalid end state. */
active proctype End()
{
	everything
}
