/*
 * tally.c - counts of a part, printed once.
 */
#include "tally.h"

#include "sheaf.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define NOTES 16

static struct {
	const char *name; /* NULL: no part was begun */
	const char *counted;
	uint64_t seed;
	uint64_t began_ns;
	_Atomic uint64_t count;
	struct {
		const char *name;
		double value;
	} notes[NOTES];
	unsigned note_count;
} part;

void tally_begin(const char *name, const char *counted, uint64_t seed)
{
	part.name = name;
	part.counted = counted;
	part.seed = seed;
	part.began_ns = sheaf_now_ns();
	atomic_store(&part.count, 0);
	part.note_count = 0;
}

void tally_add(uint64_t count)
{
	atomic_fetch_add(&part.count, count);
}

void tally_note(const char *name, double value)
{
	CHECK(part.note_count < NOTES, "more than %d notes", NOTES);
	part.notes[part.note_count].name = name;
	part.notes[part.note_count++].value = value;
}

static void print(bool ok, enum harm harm)
{
	if (!part.name)
		return;
	printf("tally {\"name\": \"%s\", \"%s\": %llu, \"lost\": %d, \"duplicated\": %d, \"hung\": %d, \"leaked\": %d, "
	       "\"seed\": "
	       "%llu, \"seconds\": %.1f",
	       part.name, part.counted, (unsigned long long)atomic_load(&part.count), harm == HARM_LOST,
	       harm == HARM_DUPLICATED, harm == HARM_HUNG, harm == HARM_LEAKED, (unsigned long long)part.seed,
	       (double)(sheaf_now_ns() - part.began_ns) / 1e9);
	for (unsigned i = 0; i < part.note_count; i++)
		printf(", \"%s\": %.10g", part.notes[i].name, part.notes[i].value);
	printf(", \"ok\": %s}\n", ok ? "true" : "false");
	fflush(stdout);
	part.name = NULL;
}

void tally_end(void)
{
	print(true, HARM_OTHER);
}

static _Noreturn void fail(enum harm harm, const char *file, int line, const char *condition, const char *format, va_list args)
	__attribute__((__format__(__printf__, 5, 0)));

static _Noreturn void fail(enum harm harm, const char *file, int line, const char *condition, const char *format, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	fprintf(stderr, "%s:%d: %s: %s (last message: %s)\n", file, line, condition, text, sheaf_message());
	print(false, harm);
	exit(1);
}

void tally_fail(enum harm harm, const char *file, int line, const char *condition, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(harm, file, line, condition, format, args);
	va_end(args);
}

void trial_fail(const char *file, int line, const char *condition, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(HARM_OTHER, file, line, condition, format, args);
	va_end(args);
}
