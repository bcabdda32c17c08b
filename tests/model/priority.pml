/*
 * priority.pml - a map that is left for a task of higher priority: work/turn.c, share.c,
 * chunk.c, and the word that says that a second ring is in use: segment.h, step.c.
 *
 * An opener sends an invitation to a map of CHUNKS chunks with two items each. Then it says that
 * the second ring is in use, and sends a higher task there. WORKERS workers take both. The higher
 * task ends only when all items have run: so another worker has to go on with the map. Up to DEATHS
 * times a worker dies after any of its steps, and is settled and replaced in one.
 *
 * Each option of a process is one access to a shared word; what follows it in private memory is in
 * the same step. The head of a ring and the two steps of a semaphore are in ring.pml and wake.pml.
 *
 * Checked: without a death each item runs once, everything ends, and no slot is left.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef CHUNKS
#define CHUNKS 2
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

#define FREE 0
#define READY 2
#define OWNED 3
#define DONE 4

#define ITEMS 2
#define NONE 7

/* What a process does next. */
#define REST 0
#define LOOK_HIGH 1
#define LOOK_LOW 2
#define ANNOUNCE 3
#define SLEEP 4
#define CLAIMED 5
#define PASS_ON 6
#define WALK 7
#define CLAIM_CHUNK 8
#define ITEM 9
#define CHECK 10
#define PUBLISH 11
#define LEAVE_CHUNK 12
#define HAND_BACK 13
#define RING 14
#define RUN 15
#define RELEASE 16
#define INVITE 17
#define HEED 18
#define SEND 19
#define OVER 20

typedef runner {
	unsigned next : 5;
	unsigned heeds : 1;     /* the second ring, as it has read */
	unsigned announced : 1; /* shared: its bit among the sleepers */
	unsigned looks : 1;     /* it has announced itself, and checks once more */
	unsigned token : 1;
	unsigned higher : 1; /* what it has claimed is the higher task */
	unsigned sweeps : 1; /* it tries all chunks, as the invitation told it */
	unsigned begun : 1;  /* a chunk of this walk */
	unsigned left : 1;   /* a chunk in the middle */
	unsigned chunk : 3;
	unsigned cursor : 2; /* shared: items of the chunk that are done */
	unsigned runs : 2
}

runner w[WORKERS];
bool heed;
byte high = FREE, high_owner, low = FREE, low_owner; /* words of the two slots */
bool low_sweeps;                                     /* in its word: an attempt was begun */
byte chunk[CHUNKS] = READY, chunk_owner[CHUNKS], first[CHUNKS]; /* first: that is not done */
byte front;                                          /* a hint: chunks below were claimed */
byte runs[CHUNKS * ITEMS];
byte done, deaths, opener = INVITE, after;
bool high_done;

#define ME w[_pid]

inline ring(whom)
{
	if
	:: w[0].announced -> w[0].announced = 0; w[0].token = 1
	:: !w[0].announced && w[1].announced -> w[1].announced = 0; w[1].token = 1
#if WORKERS > 2
	:: !w[0].announced && !w[1].announced && w[2].announced -> w[2].announced = 0; w[2].token = 1
#endif
	:: else
	fi
}

#define rest(n) \
	w[n].next = REST; \
	w[n].heeds = 0; \
	w[n].looks = 0; \
	w[n].higher = 0; \
	w[n].sweeps = 0; \
	w[n].begun = 0; \
	w[n].left = 0; \
	w[n].chunk = 0

#define begin() ME.next = (ME.looks -> CLAIMED : (ME.higher -> RUN : WALK))

#define claim_high() \
	high = OWNED; \
	high_owner = _pid; \
	ME.higher = 1

active [WORKERS] proctype Worker()
{
	byte n;

end:
	do
	/* work_step() */
	:: d_step {
		ME.next == REST ->
		ME.heeds = heed;
		ME.next = (ME.heeds -> LOOK_HIGH : LOOK_LOW)
	}
	:: d_step {
		ME.next == LOOK_HIGH ->
		if
#ifdef ONE_RING_LOOK
		:: high == READY && !ME.looks ->
#else
		:: high == READY ->
#endif
			claim_high();
			begin()
		:: else -> ME.next = LOOK_LOW
		fi
	}
	:: d_step {
		ME.next == LOOK_LOW ->
		if
		:: low == READY ->
			low = OWNED;
			low_owner = _pid;
			ME.sweeps = low_sweeps;
			ME.chunk = 0;
			begin()
		:: else -> ME.next = (ME.looks -> SLEEP : ANNOUNCE)
		fi
	}
	:: d_step {
		ME.next == ANNOUNCE ->
		ME.announced = 1;
		ME.looks = 1;
		ME.next = REST
	}
	:: d_step {
		ME.next == SLEEP && ME.token ->
		ME.token = 0;
		ME.announced = 0;
		rest(_pid)
	}
	:: d_step {
		ME.next == CLAIMED ->
		ME.looks = 0;
		ME.next = (ME.announced -> (ME.higher -> RUN : WALK) : PASS_ON);
		ME.announced = 0
	}
	:: d_step {
		ME.next == PASS_ON ->
		ring(n);
		ME.next = (ME.higher -> RUN : WALK)
	}
	/* share_run(): between two chunks. */
	:: d_step {
		ME.next == WALK ->
		if
		:: ME.begun && heed && high == READY ->
			claim_high();
			ME.next = HAND_BACK
		:: else ->
			if
			:: ME.sweeps -> ME.next = (ME.chunk < CHUNKS -> CLAIM_CHUNK : RELEASE)
			:: !ME.sweeps && front < CHUNKS ->
				ME.chunk = front;
				front++;
				ME.next = CLAIM_CHUNK
			:: else -> ME.next = RELEASE
			fi
		fi
	}
	:: d_step {
		ME.next == CLAIM_CHUNK ->
		if
		:: chunk[ME.chunk] == READY ->
			chunk[ME.chunk] = OWNED;
			chunk_owner[ME.chunk] = _pid;
			ME.cursor = first[ME.chunk];
			ME.begun = 1;
			ME.next = ITEM
		:: else ->
			ME.chunk++;
			ME.next = WALK
		fi
	}
	:: d_step {
		ME.next == ITEM ->
		runs[ME.chunk * ITEMS + ME.cursor]++;
		assert(runs[ME.chunk * ITEMS + ME.cursor] <= 1 + deaths);
		ME.next = CHECK
	}
	/* The item is over: walk_is_left() */
	:: d_step {
		ME.next == CHECK ->
		ME.cursor++;
		if
		:: ME.cursor == ITEMS -> ME.next = PUBLISH
		:: ME.cursor < ITEMS && heed && high == READY ->
			claim_high();
			ME.left = 1;
#ifdef HAND_BACK_FIRST
			ME.next = HAND_BACK
#else
			ME.next = LEAVE_CHUNK
#endif
		:: else -> ME.next = ITEM
		fi
	}
	:: d_step {
		ME.next == PUBLISH ->
		chunk[ME.chunk] = DONE;
		done++;
		ME.chunk++;
		ME.next = WALK
	}
	:: d_step {
		ME.next == LEAVE_CHUNK ->
		chunk[ME.chunk] = READY;
		first[ME.chunk] = ME.cursor;
#ifdef HAND_BACK_FIRST
		ME.next = RING
#else
		ME.next = HAND_BACK
#endif
	}
	:: d_step {
		ME.next == HAND_BACK ->
		low = READY;
#ifdef LEFT_UNSWEPT
		low_sweeps = ME.sweeps;
#else
		low_sweeps = ME.sweeps || ME.left;
#endif
#ifdef NO_RING
		ME.next = RUN
#elif defined(HAND_BACK_FIRST)
		ME.next = (ME.left -> LEAVE_CHUNK : RING)
#else
		ME.next = RING
#endif
	}
	:: d_step {
		ME.next == RING ->
		ring(n);
		ME.next = RUN
	}
	/* The higher task, which waits for the map. */
	:: d_step {
		ME.next == RUN && done == CHUNKS ->
		assert(high == OWNED && high_owner == _pid && !high_done);
		high_done = true;
		ME.next = RELEASE
	}
	:: d_step {
		ME.next == RELEASE ->
		if
		:: ME.higher -> high = FREE
		:: else -> low = FREE
		fi;
		rest(_pid)
	}
	od
}

active proctype Opener()
{
	byte n;

end:
	do
	:: d_step {
		opener == INVITE ->
		low = READY;
		opener = RING;
#ifdef HEED_LATE
		after = SEND
#else
		after = HEED
#endif
	}
	:: d_step {
		opener == RING ->
		ring(n);
		opener = after
	}
	:: d_step {
		opener == HEED ->
		heed = true;
#ifdef HEED_LATE
		opener = OVER
#else
		opener = SEND
#endif
	}
	:: d_step {
		opener == SEND ->
		high = READY;
		opener = RING;
#ifdef HEED_LATE
		after = HEED
#else
		after = OVER
#endif
	}
	od
}

/* A worker dies; recover(), and its successor. Everybody is rung. */
active proctype Supervisor()
{
	byte n, c;

end:
	do
	:: atomic {
		deaths < DEATHS && !(high_done && high == FREE && low == FREE) ->
		if
		:: n = 0
		:: n = 1
#if WORKERS > 2
		:: n = 2
#endif
		fi;
		d_step {
			deaths++;
			for (c : 0 .. CHUNKS - 1) {
				if
				:: chunk[c] == OWNED && chunk_owner[c] == n ->
					chunk[c] = READY;
					first[c] = (w[n].cursor < ITEMS -> w[n].cursor : ITEMS - 1)
				:: else
				fi
			}
			if
			:: low == OWNED && low_owner == n ->
				low = READY;
				low_sweeps = true
			:: else
			fi;
			if
			:: high == OWNED && high_owner == n -> high = (high_done -> FREE : READY)
			:: else
			fi;
			rest(n);
			w[n].announced = 0;
			w[n].cursor = 0;
			for (c : 0 .. WORKERS - 1) {
				w[c].token = 1
			}
			c = 0;
			n = 0
		}
	}
	od
}

/* A process that is stuck before that leaves an invalid end state. */
active proctype End()
{
	high_done && high == FREE && low == FREE && done == CHUNKS
}
