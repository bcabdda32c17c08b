/*
 * trace.c - addresses by point, and the anchor of each.
 */
#include "trace.h"

#include "breakpoint.h"
#include "check.h"

#include <stdlib.h>

#define FEW_STEPS 16

void trace_add(struct trace *trace, pid_t stopped)
{
	if (trace->length == trace->room) {
		trace->room = trace->room ? 2 * trace->room : 4096;
		trace->at = realloc(trace->at, trace->room * sizeof(*trace->at));
		CHECK(trace->at, "no memory for %llu points", (unsigned long long)trace->room);
	}
	trace->at[trace->length++] = stopped ? instruction_address(stopped) : 0;
}

struct place {
	uint64_t at;
	uint64_t point;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->point < y->point ? -1 : x->point > y->point;
}

void trace_close(struct trace *trace)
{
	struct place *places = calloc(trace->length + 1, sizeof(*places));

	trace->anchor = calloc(trace->length + 1, sizeof(*trace->anchor));
	CHECK(places && trace->anchor, "no memory for %llu points", (unsigned long long)trace->length);
	for (uint64_t i = 0; i < trace->length; i++)
		places[i] = (struct place){trace->at[i], i};
	qsort(places, trace->length, sizeof(*places), compare_places);
	for (uint64_t i = 0; i < trace->length; i++)
		if (places[i].at && (!i || places[i].at != places[i - 1].at))
			trace->anchor[places[i].point] = places[i].point;
	for (uint64_t i = 1; i < trace->length; i++)
		if (!trace->anchor[i])
			trace->anchor[i] = trace->anchor[i - 1];
	free(places);
}

uint64_t trace_set_breakpoint(const struct trace *trace, uint64_t point, pid_t stopped)
{
	uint64_t anchor = trace->anchor[point];

	return anchor > FEW_STEPS && breakpoint_set(stopped, trace->at[anchor]) ? anchor : 0;
}

bool trace_is_at(const struct trace *trace, uint64_t point, pid_t stopped)
{
	return instruction_address(stopped) == trace->at[point];
}

void trace_free(struct trace *trace)
{
	free(trace->at);
	free(trace->anchor);
	*trace = (struct trace){0};
}
