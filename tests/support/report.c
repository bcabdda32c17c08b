/*
 * report.c - counts of a part, printed once.
 */
#include "report.h"

#include "sheaf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#define FIGURES 16

static struct {
	const char *name; /* NULL: no part was begun */
	const char *counted;
	uint64_t seed;
	uint64_t began_ns;
	_Atomic uint64_t count;
	struct {
		const char *name;
		double value;
	} figures[FIGURES];
	unsigned figure_count;
} part;

void report_begin(const char *name, const char *counted, uint64_t seed)
{
	part.name = name;
	part.counted = counted;
	part.seed = seed;
	part.began_ns = sheaf_now_ns();
	atomic_store(&part.count, 0);
	part.figure_count = 0;
}

void report_nothing(void)
{
	part.name = NULL;
}

void report_add(uint64_t count)
{
	atomic_fetch_add(&part.count, count);
}

void report_figure(const char *name, double value)
{
	CHECK(part.figure_count < FIGURES, "more than %d figures", FIGURES);
	part.figures[part.figure_count].name = name;
	part.figures[part.figure_count++].value = value;
}

static void print(bool ok, enum harm harm)
{
	if (!part.name)
		return;
	printf("report {\"name\": \"%s\", \"%s\": %llu, \"lost\": %d, \"duplicated\": %d, \"hung\": %d, \"leaked\": %d, "
	       "\"seed\": %llu, \"seconds\": %.1f",
	       part.name, part.counted, (unsigned long long)atomic_load(&part.count), harm == HARM_LOST,
	       harm == HARM_DUPLICATED, harm == HARM_HUNG, harm == HARM_LEAKED, (unsigned long long)part.seed,
	       (double)(sheaf_now_ns() - part.began_ns) / 1e9);
	for (unsigned i = 0; i < part.figure_count; i++)
		printf(", \"%s\": %.10g", part.figures[i].name, part.figures[i].value);
	printf(", \"ok\": %s}\n", ok ? "true" : "false");
	fflush(stdout);
	part.name = NULL;
}

void report_end(void)
{
	print(true, HARM_OTHER);
}

void report_failure(enum harm harm)
{
	print(false, harm);
}
