/*
 * stretch.c - keeps ranges sorted, and joins those that touch.
 */
#include "mpi/stretch.h"

#include <stdlib.h>
#include <string.h>

/* Make room for one more at @at. */
static bool insert_at(struct stretches *s, size_t at)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		sheaf_cluster_range *list = realloc(s->list, room * sizeof(*list));

		if (!list)
			return false;
		s->list = list;
		s->room = room;
	}
	memmove(s->list + at + 1, s->list + at, (s->count - at) * sizeof(*s->list));
	s->count++;
	return true;
}

bool stretch_add(struct stretches *s, uint64_t begin, uint64_t end)
{
	size_t at = s->count;
	bool before, behind;

	while (at && s->list[at - 1].begin > begin)
		at--;
	before = at && s->list[at - 1].end == begin;
	behind = at < s->count && s->list[at].begin == end;
	if (before && behind) {
		s->list[at - 1].end = s->list[at].end;
		memmove(s->list + at, s->list + at + 1, (s->count - at - 1) * sizeof(*s->list));
		s->count--;
	} else if (before) {
		s->list[at - 1].end = end;
	} else if (behind) {
		s->list[at].begin = begin;
	} else {
		if (!insert_at(s, at))
			return false;
		s->list[at] = (sheaf_cluster_range){begin, end};
	}
	return true;
}

void stretch_give(struct stretches *s, sheaf_cluster_range **list, size_t *count)
{
	*list = s->list;
	if (count)
		*count = s->count;
	*s = (struct stretches){0};
}
