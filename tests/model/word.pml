/*
 * word.pml - the task word of lib/segment/word.h, as the models have it. layout.c includes this
 * file, too, and proves the figures.
 */
#define FREE 0
#define FILLING 1
#define READY 2
#define OWNED 3
#define DONE 4

#define WIDE 1
#define LOST 2

/* Fields from bit 0 upwards. */
#define STATE_BITS 3
#define FLAGS_BITS 2
#define ATTEMPT_BITS 5
#define WORKER_BITS 12
#define GENERATION_BITS 16
#define PAYLOAD_BITS 26

/*
 * No seat has this number. The models' workers are numbered as their seats. NOBODY stands for the
 * owner, which submits and whom no recovery looks for, and in a mutant for a name that is not
 * written yet.
 */
#define NOBODY 4095

#ifndef LAYOUT_CHECK
typedef word {
	unsigned state : STATE_BITS;
	unsigned flags : FLAGS_BITS;
	unsigned attempt : ATTEMPT_BITS;
	unsigned worker : WORKER_BITS;
	unsigned generation : GENERATION_BITS;
	unsigned payload : PAYLOAD_BITS
}
#endif
