/*
 * blame.c - decides whether what a dead member had in hand runs again, and which attempt that is.
 *
 * A chunk's word holds one attempt count, which is of the first position that is not done
 * (payload). The cursor of the dead member's seat tells the position in hand, if that lies in the
 * part of the chunk that was left to it. An item behind the first one was in its first run.
 *
 * A range function does not tell how far it came. After a death its chunk is WIDE, so its positions
 * run singly, and the attempt count goes on: the first position that dies singly takes the blame
 * for the death before, too.
 */
#include "work/blame.h"

struct suspect suspect_call(struct word word)
{
	return (struct suspect){.count = 1, .attempt = word.attempt, .in_hand = true};
}

struct suspect suspect_chunk(struct word word, enum batch_kind kind, uint64_t begin, uint64_t size, uint64_t cursor)
{
	struct suspect suspect = {.first = word.payload, .wide = kind != KIND_MAP && word.flags & WORD_WIDE};

	suspect.whole = kind != KIND_MAP && !suspect.wide && word.attempt <= 1;
	/* A cursor outside is of another chunk: the member died before it took anything in hand. */
	suspect.in_hand = cursor >= begin + word.payload && cursor < begin + size;
	if (suspect.in_hand)
		suspect.first = cursor - begin;
	suspect.count = suspect.whole ? size - suspect.first : 1;
	suspect.attempt = suspect.first == word.payload || suspect.wide ? word.attempt : 1;
	return suspect;
}

struct verdict blame(const struct suspect *suspect, unsigned max_attempts, const struct death *death)
{
	struct verdict verdict = {.attempts = suspect->attempt};

	if (death->late) {
		verdict.fails = !suspect->whole;
		verdict.wide = suspect->whole;
		verdict.attempts -= suspect->whole;
	} else if (death->innocent) {
		verdict.wide = suspect->wide;
		verdict.attempts--;
	} else {
		verdict.fails = suspect->attempt >= max_attempts;
		verdict.wide = !verdict.fails && suspect->whole;
	}
	return verdict;
}

struct word blame_chunk(struct word word, enum batch_kind kind, uint64_t size, const struct suspect *suspect,
			const struct verdict *verdict, const struct death *death)
{
	struct word next = {.state = WORD_READY, .flags = word.flags & WORD_LOST, .payload = suspect->first};

	if (!verdict->fails) {
		next.attempt = verdict->attempts;
		next.flags |= verdict->wide ? WORD_WIDE : 0;
		return next;
	}
	next.payload = suspect->first + suspect->count;
	if (next.payload >= size) {
		word.state = WORD_DONE;
		word.flags = next.flags;
		word.attempt = verdict->attempts;
		word.payload = 0;
		return word;
	}
	/* Each of the other positions gets the time for itself. */
	if (death->late && kind == KIND_FOR)
		next.flags |= WORD_WIDE;
	return next;
}

struct death blame_innermost(const struct death *death, uint64_t limited)
{
	struct death innermost = *death;

	innermost.late = death->late && !limited;
	return innermost;
}

struct death blame_late(const struct death *death, uint64_t cursor)
{
	struct death late = *death;

	late.cursor = cursor;
	return late;
}

struct death blame_outer(const struct death *death, bool innermost_known)
{
	struct death outer = *death;

	/* The cursor is of the innermost task. Another one of a map runs its chunk again. */
	outer.cursor = innermost_known ? CURSOR_NONE : death->cursor;
	if (innermost_known) {
		outer.innocent = true;
		outer.late = false;
	}
	return outer;
}
