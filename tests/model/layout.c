/*
 * layout.c - the task word of the models (word.pml) is that of lib/segment/word.h. Exits with 1,
 * and tells what differs.
 *
 * A state or a flag that only one of them has does not compile: the switches have no default, and
 * -Werror=switch is on.
 */
#define LAYOUT_CHECK
#include "word.pml"

#include "segment/word.h"

#include <stdio.h>

static int known_state(enum word_state state)
{
	switch (state) {
	case FREE:
	case FILLING:
	case READY:
	case OWNED:
	case DONE:
		return 1;
	}
	return 0;
}

static int known_flag(enum word_flag flag)
{
	switch (flag) {
	case WIDE:
	case LOST:
		return 1;
	}
	return 0;
}

static int differ(const char *what, uint64_t model, uint64_t layout)
{
	if (model == layout)
		return 0;
	fprintf(stderr, "%s: %#llx in tests/model/word.pml, %#llx in lib/segment/word.h: bring the model in line\n", what,
		(unsigned long long)model, (unsigned long long)layout);
	return 1;
}

/* The owner's seat has the highest number: that of the workers. */
static int named_as_a_seat(void)
{
	if (NOBODY > SHEAF_MAX_WORKERS && NOBODY <= SEAT_MASK)
		return 0;
	fprintf(stderr, "NOBODY: %d in tests/model/word.pml may be the number of a seat, or does not fit a word\n", NOBODY);
	return 1;
}

static uint64_t mask(unsigned at, unsigned bits)
{
	return ((UINT64_C(1) << bits) - 1) << at;
}

int main(void)
{
	enum {
		FLAGS_AT = STATE_BITS,
		ATTEMPT_AT = FLAGS_AT + FLAGS_BITS,
		WORKER_AT = ATTEMPT_AT + ATTEMPT_BITS,
		GENERATION_AT = WORKER_AT + WORKER_BITS,
		PAYLOAD_AT = GENERATION_AT + GENERATION_BITS,
	};
	struct word all = word_unpack(UINT64_MAX);
	int wrong = 0;

	wrong |= differ("FREE", FREE, WORD_FREE);
	wrong |= differ("FILLING", FILLING, WORD_FILLING);
	wrong |= differ("READY", READY, WORD_READY);
	wrong |= differ("OWNED", OWNED, WORD_OWNED);
	wrong |= differ("DONE", DONE, WORD_DONE);
	wrong |= differ("WIDE", WIDE, WORD_WIDE);
	wrong |= differ("LOST", LOST, WORD_LOST);
	wrong |= named_as_a_seat();
	wrong |= differ("the state", mask(0, STATE_BITS), word_pack((struct word){.state = all.state}));
	wrong |= differ("the flags", mask(FLAGS_AT, FLAGS_BITS), word_pack((struct word){.flags = all.flags}));
	wrong |= differ("the attempt", mask(ATTEMPT_AT, ATTEMPT_BITS), word_pack((struct word){.attempt = all.attempt}));
	wrong |= differ("the seat", mask(WORKER_AT, WORKER_BITS), word_pack((struct word){.seat = all.seat}));
	wrong |= differ("the generation", mask(GENERATION_AT, GENERATION_BITS),
			word_pack((struct word){.generation = all.generation}));
	wrong |= differ("the payload", mask(PAYLOAD_AT, PAYLOAD_BITS), word_pack((struct word){.payload = all.payload}));
	wrong |= differ("the name", mask(WORKER_AT, WORKER_BITS + GENERATION_BITS),
			(uint64_t)seat_name(all.seat, all.generation) << WORD_NAME_AT);
	wrong |= differ("bits of the word", PAYLOAD_AT + PAYLOAD_BITS, 64);
	wrong |= !(known_state(WORD_FREE) && known_flag(WORD_WIDE));
	return wrong;
}
