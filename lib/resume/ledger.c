/*
 * ledger.c - two sorted arrays: what came in order, and a short one of what came late.
 *
 * A range that rises goes to the end of the main array. Another one is put into its place among the
 * late ones, and when there are MOST_LATE of these they are merged into the main array. So a range
 * costs a few moves of neighbours, whatever the order.
 */
#include "resume/ledger.h"

#include "base/grow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LATE 512

/* Count the entries that begin at or before the position. */
static size_t count_up_to(const struct entry *entries, size_t count, uint64_t position)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entries[middle].first <= position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Merge from behind, so that no entry is moved over one that is still to come. */
static void merge_late(struct ledger *ledger)
{
	size_t a = ledger->main_count, b = ledger->late_count, to = a + b;

	while (b) {
		bool from_main = a && ledger->main[a - 1].first > ledger->late[b - 1].first;

		ledger->main[--to] = from_main ? ledger->main[--a] : ledger->late[--b];
	}
	ledger->main_count += ledger->late_count;
	ledger->late_count = 0;
}

int ledger_reserve(struct ledger *ledger)
{
	size_t wanted = ledger->main_count + ledger->late_count + 1, room = ledger->main_room;
	struct entry *grown;

	if (!ledger->late && !(ledger->late = malloc(MOST_LATE * sizeof(*ledger->late))))
		return -ENOMEM;
	if (wanted <= room)
		return 0;
	room = room ? room * 2 : 64;
	if (room > SIZE_MAX / sizeof(*grown) || !(grown = grow_array(ledger->main, room * sizeof(*grown))))
		return -ENOMEM;
	ledger->main = grown;
	ledger->main_room = room;
	return 0;
}

void ledger_add(struct ledger *ledger, const struct entry *entry)
{
	size_t at;

	if (!ledger->main_count || ledger->main[ledger->main_count - 1].first < entry->first) {
		ledger->main[ledger->main_count++] = *entry;
		return;
	}
	at = count_up_to(ledger->late, ledger->late_count, entry->first);
	memmove(ledger->late + at + 1, ledger->late + at, (ledger->late_count - at) * sizeof(*entry));
	ledger->late[at] = *entry;
	if (++ledger->late_count == MOST_LATE)
		merge_late(ledger);
}

static bool overlaps(const struct entry *entries, size_t count, uint64_t first, uint64_t last)
{
	size_t at = count_up_to(entries, count, last);

	return at && entries[at - 1].first + (entries[at - 1].count - 1) >= first;
}

bool ledger_overlaps(struct ledger *ledger, uint64_t first, uint64_t count)
{
	uint64_t last = first + (count - 1);

	return overlaps(ledger->main, ledger->main_count, first, last) ||
	       overlaps(ledger->late, ledger->late_count, first, last);
}

const struct entry *ledger_at_or_behind(struct ledger *ledger, uint64_t position)
{
	size_t at;

	if (ledger->late_count)
		merge_late(ledger);
	at = count_up_to(ledger->main, ledger->main_count, position);
	if (at && ledger->main[at - 1].first + (ledger->main[at - 1].count - 1) >= position)
		return &ledger->main[at - 1];
	return at < ledger->main_count ? &ledger->main[at] : NULL;
}

void ledger_free(struct ledger *ledger)
{
	free(ledger->main);
	free(ledger->late);
	*ledger = (struct ledger){0};
}
