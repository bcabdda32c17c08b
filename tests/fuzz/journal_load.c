/*
 * journal_load.c - the file, the checksums, and the rules.
 */
#define _DEFAULT_SOURCE /* mkdtemp() */
#include "journal_load.h"

#include "base/little.h"
#include "base/printable.h"
#include "resume/hash.h"
#include "resume/record.h"
#include "sheaf_resume.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST ((size_t)1 << 20)

static char folder[200], path[240];
static sheaf_identity job;
static unsigned char *image;

static void remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

void journal_load_begin(void)
{
	const char *place = access("/dev/shm", W_OK) ? getenv("TMPDIR") : "/dev/shm";

	snprintf(folder, sizeof(folder), "%.150s/journals-XXXXXX", place ? place : "/tmp");
	CHECK(mkdtemp(folder) && (image = malloc(MOST)), "%s: %s", folder, strerror(errno));
	snprintf(path, sizeof(path), "%s/job", folder);
	CHECK(!sheaf_identity_begin(&job, "fuzz", 1) && !atexit(remove_folder), "no identity");
}

/* Give records their checksums, one behind the other. */
static void sign_records(const struct record_file *file, unsigned how, size_t size)
{
	size_t at = RECORD_HEADER;

	while (size - at >= RECORD_HEAD + RECORD_TAIL) {
		struct record record = {.first = little_load(image + at, 8),
					.count = little_load(image + at + 8, 8),
					.size = little_load(image + at + 16, 8),
					.used = little_load(image + at + 24, 8),
					.offset = at};
		size_t room = (size - at - RECORD_HEAD - RECORD_TAIL) / 8 * 8;
		unsigned char head[RECORD_HEAD], tail[RECORD_TAIL + 7];
		size_t tail_size;

		if (how & 8) {
			record.size %= room + 1;
			record.used = 0;
		}
		if (record.size > room) {
			/* It leads out of the file: only the head can be right. */
			const struct record empty = {.first = record.first, .count = record.count, .size = 0, .offset = at};

			record_make(file, &empty, image, head, tail);
			little_store(head + 16, 8, record.size);
			little_store(head + 32, 8, hash_of((uint64_t[2]){file->nonce, at}, head, 24));
			memcpy(image + at, head, sizeof(head));
			return;
		}
		tail_size = record_make(file, &record, image + at + RECORD_HEAD, head, tail);
		memcpy(image + at, head, sizeof(head));
		if (how & 4)
			memcpy(image + at + RECORD_HEAD + record.size, tail, tail_size);
		at += (size_t)record_length(record.size);
	}
}

static size_t make_image(const uint8_t *bytes, size_t size)
{
	struct record_file file = {.kind = RECORD_JOURNAL, .nonce = 77, .identity = job};
	size_t before = bytes[0] & 1 ? RECORD_HEADER : 0;

	if (size > MOST - RECORD_HEADER)
		size = MOST - RECORD_HEADER;
	if (before)
		record_make_header(&file, image);
	memcpy(image + before, bytes + 1, size - 1);
	if (before && bytes[0] & 2)
		sign_records(&file, bytes[0], before + size - 1);
	return before + size - 1;
}

struct found {
	uint64_t records, positions, behind; /* the position behind the last one */
};

/* Each record is a piece of the file. */
static int check_record(void *context, const sheaf_journal_record *record)
{
	struct found *found = context;
	bool there = !record->size;

	CHECK(record->count && record->first >= found->behind, "records overlap, or are out of order");
	for (size_t at = RECORD_HEADER + RECORD_HEAD; !there && at + record->size <= MOST; at += 8)
		there = !memcmp(image + at, record->bytes, record->size);
	CHECK(there, "a record is not in the file");
	found->records++;
	found->positions += record->count;
	found->behind = record->first + record->count;
	return 0;
}

static void write_image(size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, image, size) == (ssize_t)size && !close(fd), "%s: %s", path, strerror(errno));
}

static void check_info(sheaf_journal *journal, const struct found *found, size_t size)
{
	sheaf_journal_info info;
	struct stat status;

	CHECK(!sheaf_journal_get_info(journal, &info) && !stat(path, &status), "info");
	CHECK(info.records == found->records && info.positions == found->positions, "the counts are wrong");
	CHECK(info.bytes == (uint64_t)status.st_size, "the length is wrong");
	CHECK(size <= RECORD_HEADER || info.bytes + info.cut == size, "the cut is wrong");
}

int64_t journal_load(const uint8_t *bytes, size_t size)
{
	struct found found = {0}, again = {0};
	sheaf_journal *journal = NULL;
	uint64_t first, count;
	int r;

	if (!size)
		return 0;
	memset(image, 0, MOST);
	size = make_image(bytes, size);
	write_image(size);
	r = sheaf_journal_open(&journal, path, &job, NULL);
	if (r) {
		CHECK(r == -EBADMSG || r == -EPROTO || r == -ESTALE || r == -ENOMEM, "undocumented code %d", r);
		CHECK(!journal && *sheaf_message() && printable_already(sheaf_message()), "no message");
		return r;
	}
	CHECK(!sheaf_journal_each(journal, check_record, &found), "each");
	check_info(journal, &found, size);
	/* It goes on. */
	r = sheaf_journal_missing(journal, 0, UINT64_MAX - 1, &first, &count);
	CHECK(r >= 0 && (!r || !sheaf_journal_append(journal, first, 1, NULL, 0)), "append");
	CHECK(!sheaf_journal_close(journal), "close");
	journal = NULL;
	CHECK(!sheaf_journal_open(&journal, path, &job, NULL) && !sheaf_journal_each(journal, check_record, &again), "again");
	CHECK(again.records == found.records + (uint64_t)r, "%d records, then %d", (int)found.records, (int)again.records);
	CHECK(!sheaf_journal_close(journal), "close");
	return (int64_t)found.records;
}
