/*
 * trace.c - addresses by point, and the anchor and the stop of each.
 *
 * From an anchor on, all addresses are known ones. A loop that the process has been in before would
 * be stepped in all its rounds. So the second leg counts how often an address is come to. Between
 * an anchor and the next one the numbers are small, and a loop of another length before the anchor,
 * a spin, does not change them.
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

/* Find the points whose address comes for the first time. */
static void find_anchors(struct trace *trace, struct place *places)
{
	for (uint64_t i = 0; i < trace->length; i++)
		places[i] = (struct place){trace->at[i], i};
	qsort(places, trace->length, sizeof(*places), compare_places);
	for (uint64_t i = 0; i < trace->length; i++)
		if (places[i].at && (!i || places[i].at != places[i - 1].at))
			trace->anchor[places[i].point] = places[i].point;
	for (uint64_t i = 1; i < trace->length; i++)
		if (!trace->anchor[i])
			trace->anchor[i] = trace->anchor[i - 1];
}

/*
 * Between an anchor and the next one, count how often the process has come to each address. Rounds
 * of a repeated instruction are points, but a breakpoint stops only its first one.
 */
static void count_times(struct trace *trace, uint64_t anchor, uint64_t end, struct place *places)
{
	uint64_t count = 0, times = 0;

	for (uint64_t i = anchor + 1; i < end; i++)
		if (trace->at[i] && trace->at[i] != trace->at[i - 1] && trace->at[i] != trace->at[anchor])
			places[count++] = (struct place){trace->at[i], i};
	qsort(places, count, sizeof(*places), compare_places);
	for (uint64_t i = 0; i < count; i++) {
		times = i && places[i].at == places[i - 1].at ? times + 1 : 1;
		trace->times[places[i].point] = times;
	}
}

/* Choose the stop of each point, so that its breakpoints and the steps behind it are fewest. */
static void find_stops(struct trace *trace, uint64_t anchor, uint64_t end)
{
	uint64_t cost = 0;

	trace->stop[anchor] = anchor;
	for (uint64_t i = anchor + 1; i < end; i++) {
		bool stops = trace->times[i] && trace->times[i] <= cost;

		trace->stop[i] = stops ? i : trace->stop[i - 1];
		cost = stops ? trace->times[i] : cost + 1;
	}
}

void trace_close(struct trace *trace)
{
	struct place *places = calloc(trace->length + 1, sizeof(*places));

	trace->anchor = calloc(trace->length + 1, sizeof(*trace->anchor));
	trace->stop = calloc(trace->length + 1, sizeof(*trace->stop));
	trace->times = calloc(trace->length + 1, sizeof(*trace->times));
	CHECK(places && trace->anchor && trace->stop && trace->times, "no memory for %llu points",
	      (unsigned long long)trace->length);
	find_anchors(trace, places);
	for (uint64_t anchor = 0, end; anchor < trace->length; anchor = end) {
		for (end = anchor + 1; end < trace->length && trace->anchor[end] != end;)
			end++;
		count_times(trace, anchor, end, places);
		find_stops(trace, anchor, end);
	}
	free(places);
}

unsigned trace_legs(const struct trace *trace, uint64_t point, struct leg legs[2])
{
	uint64_t anchor = trace->anchor[point], stop = trace->stop[point];
	unsigned count = 0;

	if (anchor > FEW_STEPS)
		legs[count++] = (struct leg){0, anchor, 1};
	if (stop - anchor > trace->times[stop] + FEW_STEPS)
		legs[count++] = (struct leg){anchor, stop, trace->times[stop]};
	return count;
}

bool trace_is_at(const struct trace *trace, uint64_t point, pid_t stopped)
{
	return instruction_address(stopped) == trace->at[point];
}

void trace_free(struct trace *trace)
{
	free(trace->at);
	free(trace->anchor);
	free(trace->stop);
	free(trace->times);
	*trace = (struct trace){0};
}
