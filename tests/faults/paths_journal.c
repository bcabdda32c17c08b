/*
 * paths_journal.c - jobs that note what they have done. Several cases run at once.
 */
#include "paths.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sheaf_adapter.h"
#include "sheaf_resume.h"
#include "steps.h"

#define RECORDS 4

static char file[64];

static int check_record(void *context, const sheaf_journal_record *record)
{
	unsigned *count = context;

	RIGHT(record->first == *count && record->count == 1 && record->size == 9 && !memcmp(record->bytes, "123456789", 9),
	      LOST, "the record of position %u is wrong", *count);
	++*count;
	return 0;
}

/* The whole job, as a program does it that is started again after each failure. */
static int do_job(void)
{
	sheaf_journal *journal = NULL;
	sheaf_identity identity;
	uint64_t first, some;
	unsigned count = 0;
	int r;

	RIGHT(!sheaf_identity_begin(&identity, "job", 1), WRONG, "no identity");
	r = sheaf_journal_open(&journal, file, &identity, &(sheaf_journal_options){.sync_ns = 1});
	while (!r && sheaf_journal_missing(journal, 0, RECORDS, &first, &some) == 1)
		r = sheaf_journal_append(journal, first, 1, "123456789", 9);
	if (!r && !(r = sheaf_journal_each(journal, check_record, &count)))
		RIGHT(count == RECORDS, LOST, "%u records", count);
	if (r < 0) {
		char message[256];
		int at_close;

		/* That of the first failure. */
		snprintf(message, sizeof(message), "%s", sheaf_message());
		at_close = sheaf_journal_close(journal);
		RIGHT(!at_close || *message, WRONG, "%d without a message", r);
		return r;
	}
	return sheaf_journal_close(journal);
}

void path_journal(void)
{
	int r;

	snprintf(file, sizeof(file), "faults-%ld.journal", (long)getpid());
	TRY(r, AS_JOURNAL, do_job());
	/* Once more, with all of it there. */
	TRY(r, AS_JOURNAL, do_job());
	unlink(file);
}

void path_identity(void)
{
	sheaf_identity identity;
	int r;

	RIGHT(!sheaf_identity_begin(&identity, "job", 1), WRONG, "no identity");
	TRY(r, AS_JOURNAL, sheaf_identity_add_file(&identity, "/proc/self/exe", SHEAF_SAMPLED));
	TRY(r, AS_JOURNAL, sheaf_identity_add_file(&identity, "/proc/self/exe", SHEAF_FULL));
	RIGHT(r == 0 || r < 0, WRONG, "%d", r);
}

/* ---- maps ---- */

#define ITEMS 12

/* A map over all, for which the journal may have a part. */
static int do_map(sheaf_pool *pool, uint64_t *out)
{
	sheaf_journal *journal = NULL;
	sheaf_identity identity;
	int r;

	RIGHT(!sheaf_identity_begin(&identity, "map", 1), WRONG, "no identity");
	memset(out, 0, ITEMS * sizeof(*out));
	if ((r = LIBRARY(sheaf_journal_open(&journal, file, &identity, NULL))))
		return r;
	r = LIBRARY(sheaf_resume_map(pool, journal, value_of, out + ITEMS, sizeof(*out), out, sizeof(*out), ITEMS, NULL));
	if (r < 0) {
		char message[256];

		snprintf(message, sizeof(message), "%s", sheaf_message());
		LIBRARY_VOID((void)sheaf_journal_close(journal));
		sheaf_message_set(r, "%s", message);
		return r;
	}
	return LIBRARY(sheaf_journal_close(journal));
}

void path_resume(void)
{
	sheaf_pool *pool = step_create();
	uint64_t *numbers = pool ? step_alloc(pool, 2 * ITEMS * sizeof(*numbers)) : NULL, wanted;
	int r, first;

	snprintf(file, sizeof(file), "faults-%ld.map", (long)getpid());
	for (uint64_t i = 0; numbers && i < ITEMS; i++)
		numbers[ITEMS + i] = i;
	if (numbers) {
		first = r = judge_first(do_map(pool, numbers), AS_RESUME, "sheaf_resume_map");
		if (first < 0)
			r = judge_second(do_map(pool, numbers), first, AS_RESUME, "sheaf_resume_map");
		for (uint64_t i = 0; r == 0 && i < ITEMS; i++) {
			wanted = 0;
			value_of(NULL, &i, &wanted);
			RIGHT(numbers[i] == wanted, LOST, "position %d is wrong", (int)i);
		}
		step_free(pool, numbers);
	}
	if (pool)
		step_destroy(pool);
	unlink(file);
}

/* ---- files ---- */

void path_replace(void)
{
	char name[64], part[80];
	int r;

	snprintf(name, sizeof(name), "faults-%ld.file", (long)getpid());
	snprintf(part, sizeof(part), "%s.part", name);
	TRY(r, AS_SAVE, sheaf_file_replace(name, "whole", 5));
	RIGHT(r < 0 || !access(name, F_OK), LOST, "the file is missing");
	RIGHT(access(part, F_OK), LEAKED, "the part of a file is left");
	unlink(name);
}

/* ---- caches ---- */

#define CACHE_BYTES 4096
#define WIDE 1000 /* bytes of a result: four fill the cache */

static void make_call(unsigned number, sheaf_identity *call)
{
	RIGHT(!sheaf_identity_begin(call, "call", 1) && !sheaf_identity_add(call, "", &number, sizeof(number)), WRONG,
	      "no identity");
}

static int put_and_get(sheaf_cache *cache, unsigned number)
{
	char wanted[WIDE];
	sheaf_identity call;
	void *bytes = NULL;
	size_t size = 0;
	int r;

	memset(wanted, 'a' + (int)number, sizeof(wanted));
	make_call(number, &call);
	if ((r = sheaf_cache_put(cache, &call, wanted, sizeof(wanted))))
		return r;
	if ((r = sheaf_cache_get(cache, &call, &bytes, &size)) < 0)
		return r;
	RIGHT(r == 1, LOST, "what was put is not there");
	RIGHT(size == WIDE && !memcmp(bytes, wanted, WIDE), LOST, "result %u is wrong", number);
	free(bytes);
	return 0;
}

static int use_cache(void)
{
	sheaf_cache *cache = NULL;
	int r = sheaf_cache_open(&cache, file, &(sheaf_cache_options){.max_bytes = CACHE_BYTES});

	/* The last ones have to evict. */
	for (unsigned i = 0; i < 6 && !r; i++)
		r = put_and_get(cache, i);
	sheaf_cache_close(cache);
	return r;
}

void path_cache(void)
{
	char part[80];
	int r;

	snprintf(file, sizeof(file), "faults-%ld.cache", (long)getpid());
	snprintf(part, sizeof(part), "%s.part", file);
	TRY(r, AS_CACHE, use_cache());
	RIGHT(access(part, F_OK), LEAKED, "the part of a file is left");
	unlink(file);
}
