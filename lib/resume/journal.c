/*
 * journal.c - appends records to a job's file.
 *
 * Writers           One process, which has the lock of the file's first byte.
 * Deaths            Of the writer, in a write: behind the last whole record is a part of one, which
 *                   the next process that opens the file cuts off.
 * Failures          What a failed write has left is cut off at once. After a failed fsync() the
 *                   system may have dropped what it could not write, and says so only once. So
 *                   each later append fails. To know what the file has, open it again.
 */
#include "resume/journal.h"

#include "base/cancel.h"
#include "base/error.h"
#include "resume/claim.h"
#include "resume/record_write.h"
#include "os/files.h"
#include "os/os.h"
#include "os/sync.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_BYTE 0
#define SYNC_NS UINT64_C(1000000000)
#define SYNC_BYTES ((size_t)64 << 20)

static int journal_fail(const sheaf_journal *journal, const char *action, int code)
{
	return sheaf_fail(code, "journal %.200s: cannot %s: %s", journal->path, action, strerror(-code));
}

int journal_enter(sheaf_journal *journal, const char *call)
{
	if (!journal)
		return sheaf_fail(-EINVAL, "%s: journal is NULL", call);
	if (journal->opener != getpid())
		return sheaf_fail(-EPERM, "%s: the journal belongs to process %ld, which has opened it", call,
				  (long)journal->opener);
	pthread_mutex_lock(&journal->lock);
	return 0;
}

void journal_leave(sheaf_journal *journal)
{
	pthread_mutex_unlock(&journal->lock);
}

/* ---- Writing ---- */

static int journal_put(sheaf_journal *journal, const struct record *record, const void *bytes)
{
	int r = record_write(&journal->file, record, bytes);

	if (r && record_cut(journal->file.fd, journal->end))
		journal->broken = r;
	return r;
}

static int sync_now(sheaf_journal *journal)
{
	int r;

	if (!journal->info.waiting)
		return 0;
	if ((r = os_sync(journal->file.fd))) {
		journal->broken = r;
		return journal_fail(journal, "sync: it is not known what is on the disk: close it and open it again", r);
	}
	journal->info.syncs++;
	journal->info.waiting = 0;
	journal->synced_ns = sheaf_now_ns();
	return 0;
}

static int sync_if_due(sheaf_journal *journal)
{
	const sheaf_journal_options *options = &journal->options;

	if (journal->info.waiting < options->sync_bytes &&
	    (options->sync_ns == SHEAF_FOREVER || sheaf_now_ns() - journal->synced_ns < options->sync_ns))
		return 0;
	return sync_now(journal);
}

static int append_record(sheaf_journal *journal, uint64_t first, uint64_t count, const void *bytes, size_t size)
{
	const struct record record = {.first = first, .count = count, .size = size, .offset = journal->end};
	int r;

	if (journal->broken)
		return sheaf_fail(-EIO, "journal %.200s: an earlier write or sync failed (%s): close it and open it again",
				  journal->path, strerror(-journal->broken));
	if (ledger_overlaps(&journal->ledger, first, count))
		return sheaf_fail(
			-EEXIST, "sheaf_journal_append: of the %" PRIu64 " positions from %" PRIu64 " on some are done already",
			count, first);
	if (ledger_reserve(&journal->ledger))
		return sheaf_fail(-ENOMEM, "sheaf_journal_append: no memory for %" PRIu64 " records",
				  journal->info.records + 1);
	if ((r = journal_put(journal, &record, bytes)))
		return journal_fail(journal, "append", r);
	ledger_add(&journal->ledger,
		   &(struct entry){.first = first, .count = count, .offset = record.offset, .size = record.size});
	journal->end += record_length(size);
	journal->info.bytes = journal->end;
	journal->info.waiting += record_length(size);
	journal->info.positions += count;
	journal->info.records++;
	return sync_if_due(journal);
}

int sheaf_journal_append(sheaf_journal *journal, uint64_t first, uint64_t count, const void *bytes, size_t size)
{
	int r, cancel;

	if (!count || first > UINT64_MAX - count)
		return sheaf_fail(-EINVAL, "sheaf_journal_append: %" PRIu64 " positions from %" PRIu64 " on", count, first);
	if (size && !bytes)
		return sheaf_fail(-EINVAL, "sheaf_journal_append: bytes is NULL, and size %zu", size);
	if (!record_fits(size))
		return sheaf_fail(-EOVERFLOW, "sheaf_journal_append: %zu bytes do not fit into a record", size);
	cancel = cancel_refuse();
	if (!(r = journal_enter(journal, "sheaf_journal_append"))) {
		r = append_record(journal, first, count, bytes, size);
		journal_leave(journal);
	}
	cancel_allow(cancel);
	return r;
}

int sheaf_journal_sync(sheaf_journal *journal)
{
	int cancel = cancel_refuse(), r = journal_enter(journal, "sheaf_journal_sync");

	if (!r) {
		r = journal->broken ? journal_fail(journal, "sync", journal->broken) : sync_now(journal);
		journal_leave(journal);
	}
	cancel_allow(cancel);
	return r;
}

/* ---- Opening ---- */

static int take_entry(void *context, const struct record *record)
{
	sheaf_journal *journal = context;

	if (!record->count || record->first > UINT64_MAX - record->count ||
	    ledger_overlaps(&journal->ledger, record->first, record->count))
		return sheaf_fail(-EBADMSG,
				  "journal %.200s: damaged: the record at byte %" PRIu64
				  " has positions that another one has, or "
				  "none. Remove the file to begin anew",
				  journal->path, record->offset);
	if (ledger_reserve(&journal->ledger))
		return -ENOMEM;
	ledger_add(&journal->ledger,
		   &(struct entry){
			   .first = record->first, .count = record->count, .offset = record->offset, .size = record->size});
	journal->info.positions += record->count;
	journal->info.records++;
	return 0;
}

/* Begin a file. What was there is empty, or the beginning of a header. */
static int make_file(sheaf_journal *journal, const sheaf_identity *identity)
{
	int r;

	journal->file.identity = *identity;
	if ((r = record_begin(&journal->file)) || (r = os_sync_name(journal->path))) {
		record_cut(journal->file.fd, 0);
		return journal_fail(journal, "begin", r);
	}
	journal->end = RECORD_HEADER;
	return 0;
}

static int check_header(sheaf_journal *journal, const unsigned char *bytes, const sheaf_identity *identity)
{
	const uint64_t *has = journal->file.identity.hash, *wants = identity->hash;
	int r = record_take_header(&journal->file, bytes);

	if (r == -EPROTO)
		return sheaf_fail(r, "journal %.200s: a later version of Sheaf has made it: use that, or another file",
				  journal->path);
	if (r)
		return sheaf_fail(
			r, "journal %.200s: is no journal, or its header is damaged: if it is one, remove it to begin anew",
			journal->path);
	if (has[0] != wants[0] || has[1] != wants[1])
		return sheaf_fail(
			-ESTALE,
			"journal %.200s: is of another job: \"%.60s\" %016" PRIx64 "%016" PRIx64 ", and this is \"%.60s\" "
			"%016" PRIx64 "%016" PRIx64
			". Input, version or parameters differ: use another file, or remove this one to begin anew",
			journal->path, journal->file.identity.text, has[1], has[0], identity->text, wants[1], wants[0]);
	return 0;
}

/* Take what is in a file with a header. */
static int take_file(sheaf_journal *journal, uint64_t size)
{
	struct record_scan scan;
	int r = record_each(&journal->file, RECORD_HEADER, size, true, take_entry, journal, &scan);

	/* take_entry() has told. */
	if (r == -EBADMSG)
		return r;
	if (r)
		return journal_fail(journal, "read", r);
	if (journal->options.strict && scan.damaged)
		return sheaf_fail(-EBADMSG,
				  "journal %.200s: %" PRIu64
				  " bytes are damaged. Without options.strict their positions are done "
				  "again",
				  journal->path, scan.damaged);
	journal->info.found = journal->info.positions;
	journal->info.damaged = scan.damaged;
	journal->info.cut = size - scan.end;
	journal->end = scan.end;
	/* Also those of a process that was killed before it synced them. */
	journal->info.waiting = scan.end - RECORD_HEADER;
	return (r = record_cut(journal->file.fd, scan.end)) ? journal_fail(journal, "cut", r) : 0;
}

static int take_or_make(sheaf_journal *journal, const sheaf_identity *identity)
{
	unsigned char bytes[RECORD_HEADER];
	struct stat status;
	size_t known;
	int r;

	if (fstat(journal->file.fd, &status))
		return journal_fail(journal, "open", -errno);
	known = status.st_size < RECORD_HEADER ? (size_t)status.st_size : RECORD_HEADER;
	if ((r = os_read_at(journal->file.fd, 0, bytes, known)))
		return journal_fail(journal, "read", r);
	if ((size_t)status.st_size == known && record_is_torn_header(bytes, known))
		return make_file(journal, identity);
	if (known < RECORD_HEADER)
		memset(bytes, 0, sizeof(bytes));
	r = check_header(journal, bytes, identity);
	return r ? r : take_file(journal, (uint64_t)status.st_size);
}

static int lock_file(sheaf_journal *journal)
{
	pid_t holder = 0;
	int r = os_lock(journal->file.fd, LOCK_BYTE);

	if (r != -EAGAIN)
		return r ? journal_fail(journal, "lock", r) : 0;
	if (os_locked(journal->file.fd, LOCK_BYTE, 1, &holder) != 1)
		holder = 0;
	return sheaf_fail(-EBUSY, "journal %.200s: process %ld has it open: wait until that ends, or use another file",
			  journal->path, (long)holder);
}

static int open_journal(sheaf_journal *journal, const sheaf_identity *identity)
{
	struct stat status;
	bool created = false;
	int r;

	if ((r = journal->file.fd = claim_open(journal->path, &created, &journal->claim, &status)) < 0) {
		if (r == -EBUSY)
			return sheaf_fail(r, "journal %.200s: this process has it open already", journal->path);
		return r == -ENOTSUP ? sheaf_fail(r, "journal %.200s: is no regular file", journal->path)
				     : journal_fail(journal, "open", r);
	}
	if (!(r = lock_file(journal)))
		r = take_or_make(journal, identity);
	if (!r)
		return 0;
	if (created && r != -EBUSY)
		unlink(journal->path);
	close(journal->file.fd);
	claim_drop(journal->claim);
	return r;
}

static void free_journal(sheaf_journal *journal)
{
	pthread_mutex_destroy(&journal->lock);
	ledger_free(&journal->ledger);
	free(journal->bytes);
	free(journal->path);
	free(journal);
}

/* NULL: no memory. */
static sheaf_journal *new_journal(const char *path, const sheaf_journal_options *options)
{
	sheaf_journal *journal = calloc(1, sizeof(*journal));
	size_t length = strlen(path);

	if (!journal)
		return NULL;
	if (!(journal->path = malloc(length + 1)) || pthread_mutex_init(&journal->lock, NULL)) {
		free(journal->path);
		free(journal);
		return NULL;
	}
	memcpy(journal->path, path, length + 1);
	journal->opener = getpid();
	journal->file.kind = RECORD_JOURNAL;
	if (options)
		journal->options = *options;
	if (!journal->options.sync_ns)
		journal->options.sync_ns = SYNC_NS;
	if (!journal->options.sync_bytes)
		journal->options.sync_bytes = SYNC_BYTES;
	return journal;
}

int sheaf_journal_open(sheaf_journal **journal, const char *path, const sheaf_identity *identity,
		       const sheaf_journal_options *options)
{
	sheaf_journal *opened;
	int r, cancel;

	if (!journal || !path || !identity)
		return sheaf_fail(-EINVAL, "sheaf_journal_open: %s is NULL",
				  !journal ? "journal"
				  : !path  ? "path"
					   : "identity");
	cancel = cancel_refuse();
	if (!(opened = new_journal(path, options))) {
		r = sheaf_fail(-ENOMEM, "sheaf_journal_open: no memory");
	} else if ((r = open_journal(opened, identity))) {
		free_journal(opened);
	} else {
		opened->info.bytes = opened->end;
		opened->synced_ns = sheaf_now_ns();
		*journal = opened;
	}
	cancel_allow(cancel);
	return r;
}

int sheaf_journal_close(sheaf_journal *journal)
{
	int r = 0, cancel;

	if (!journal)
		return 0;
	cancel = cancel_refuse();
	if (journal->opener == getpid()) {
		if (!journal->broken)
			r = sync_now(journal);
		close(journal->file.fd);
		claim_drop(journal->claim);
	}
	free_journal(journal);
	cancel_allow(cancel);
	return r;
}
