/*
 * journal_read.c - what a journal has, and what is missing.
 */
#include "base/cancel.h"
#include "base/error.h"
#include "base/grow.h"
#include "resume/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int sheaf_journal_missing(sheaf_journal *journal, uint64_t from, uint64_t end, uint64_t *first, uint64_t *count)
{
	const struct entry *entry;
	int r;

	if (!first || !count)
		return sheaf_fail(-EINVAL, "sheaf_journal_missing: %s is NULL", first ? "count" : "first");
	if ((r = journal_enter(journal, "sheaf_journal_missing")))
		return r;
	while ((entry = ledger_at_or_behind(&journal->ledger, from)) && entry->first <= from)
		from = entry->first + entry->count;
	journal_leave(journal);
	if (from >= end)
		return 0;
	*first = from;
	*count = (entry && entry->first < end ? entry->first : end) - from;
	return 1;
}

/* With the lock: read a record into journal->bytes. */
static int read_entry_of(sheaf_journal *journal, const char *call, const struct entry *entry, sheaf_journal_record *record)
{
	const struct record there = {.size = entry->size, .offset = entry->offset};
	unsigned char *grown;
	int r;

	if (entry->size > journal->room) {
		if (entry->size > SIZE_MAX || !(grown = grow_array(journal->bytes, (size_t)entry->size)))
			return sheaf_fail(-ENOMEM, "%s: no memory for the %" PRIu64 " bytes of position %" PRIu64, call,
					  entry->size, entry->first);
		journal->bytes = grown;
		journal->room = (size_t)entry->size;
	}
	r = record_read(&journal->file, &there, journal->bytes);
	if (r == -EBADMSG || r == -ENODATA)
		return sheaf_fail(-EBADMSG,
				  "journal %.200s: the record of position %" PRIu64
				  " has changed since the file was opened: open it "
				  "again, and it is done again",
				  journal->path, entry->first);
	if (r)
		return sheaf_fail(r, "journal %.200s: cannot read: %s", journal->path, strerror(-r));
	*record = (sheaf_journal_record){.first = entry->first,
					 .count = entry->count,
					 .bytes = entry->size ? journal->bytes : NULL,
					 .size = (size_t)entry->size};
	return 0;
}

int sheaf_journal_read(sheaf_journal *journal, uint64_t position, sheaf_journal_record *record)
{
	const struct entry *entry;
	int r, cancel;

	if (!record)
		return sheaf_fail(-EINVAL, "sheaf_journal_read: record is NULL");
	cancel = cancel_refuse();
	if (!(r = journal_enter(journal, "sheaf_journal_read"))) {
		entry = ledger_at_or_behind(&journal->ledger, position);
		if (!entry || entry->first > position)
			r = sheaf_fail(-ENOENT, "sheaf_journal_read: position %" PRIu64 " is not done", position);
		else
			r = read_entry_of(journal, "sheaf_journal_read", entry, record);
		journal_leave(journal);
	}
	cancel_allow(cancel);
	return r;
}

/* Visit all records, by ascending positions. */
static int visit_records(sheaf_journal *journal, sheaf_journal_fn *fn, void *context)
{
	const struct entry *entry;
	sheaf_journal_record record;
	uint64_t from = 0;
	int r = 0;

	while (!r && (entry = ledger_at_or_behind(&journal->ledger, from))) {
		from = entry->first + entry->count;
		if (!(r = read_entry_of(journal, "sheaf_journal_each", entry, &record)))
			r = fn(context, &record);
	}
	return r;
}

int sheaf_journal_each(sheaf_journal *journal, sheaf_journal_fn *fn, void *context)
{
	int r, cancel;

	if (!fn)
		return sheaf_fail(-EINVAL, "sheaf_journal_each: fn is NULL");
	/* A thread that is cancelled in the midst would keep the lock. */
	cancel = cancel_refuse();
	if (!(r = journal_enter(journal, "sheaf_journal_each"))) {
		r = visit_records(journal, fn, context);
		journal_leave(journal);
	}
	cancel_allow(cancel);
	return r;
}

int sheaf_journal_get_info(sheaf_journal *journal, sheaf_journal_info *info)
{
	int r;

	if (!info)
		return sheaf_fail(-EINVAL, "sheaf_journal_get_info: info is NULL");
	if ((r = journal_enter(journal, "sheaf_journal_get_info")))
		return r;
	*info = journal->info;
	journal_leave(journal);
	return 0;
}
