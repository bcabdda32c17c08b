/*
 * test_journal.c - journals: what is there after any end of their writer, whatever has become of
 * their bytes; and the identity that they belong to.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resume/hash.h"
#include "sheaf_resume.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/rng.h"

#define RECORDS 5
#define MOST_BYTES 4096

static char folder[256], path[300], other_path[300];
static sheaf_identity job;
static sheaf_journal *journal;
static int files_before;

static void set_up(void)
{
	const char *place = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/sheaf-journal-XXXXXX", place ? place : "/tmp");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/job.journal", folder);
	snprintf(other_path, sizeof(other_path), "%s/other", folder);
	cr_assert_eq(sheaf_identity_begin(&job, "smooth", 3), 0);
	files_before = count_open_files();
}

static void tear_down(void)
{
	cr_assert_eq(sheaf_journal_close(journal), 0, "%s", sheaf_message());
	journal = NULL;
	child_end_all();
	cr_assert_eq(count_open_files(), files_before, "a file is left open");
	unlink(path);
	unlink(other_path);
	cr_assert_eq(rmdir(folder), 0, "something is left in %s", folder);
}

TestSuite(journal, .init = set_up, .fini = tear_down);

static void open_with(const sheaf_journal_options *options)
{
	cr_assert_eq(sheaf_journal_open(&journal, path, &job, options), 0, "%s", sheaf_message());
}

static void open_again(void)
{
	cr_assert_eq(sheaf_journal_close(journal), 0);
	journal = NULL;
	open_with(NULL);
}

static void expect_refused(int r, int code, const char *text)
{
	cr_assert_eq(r, code, "%d instead of %d: %s", r, code, sheaf_message());
	cr_assert_not_null(strstr(sheaf_message(), text), "the message \"%s\" lacks \"%s\"", sheaf_message(), text);
}

static sheaf_journal_info info_now(void)
{
	sheaf_journal_info info;

	cr_assert_eq(sheaf_journal_get_info(journal, &info), 0);
	return info;
}

/* Record i is of i + 1 positions from 10 * i on, with 5 * i bytes. */
static void append_number(unsigned i)
{
	unsigned char bytes[64];

	memset(bytes, 'a' + (int)i, sizeof(bytes));
	cr_assert_eq(sheaf_journal_append(journal, 10 * i, i + 1, bytes, 5 * i), 0, "%s", sheaf_message());
}

/* Count the records that are there, which must be right. */
static int check_record(void *context, const sheaf_journal_record *record)
{
	unsigned i = (unsigned)(record->first / 10), *count = context;

	cr_assert(record->first == 10 * i && i < RECORDS && record->count == i + 1 && record->size == 5 * i);
	for (size_t b = 0; b < record->size; b++)
		cr_assert_eq(((const char *)record->bytes)[b], 'a' + (int)i);
	++*count;
	return 0;
}

static unsigned count_right(void)
{
	unsigned count = 0;

	cr_assert_eq(sheaf_journal_each(journal, check_record, &count), 0, "%s", sheaf_message());
	return count;
}

/* Do what is missing, as a job would, and expect all to be there, then and on opening again. */
static void do_the_rest(void)
{
	sheaf_journal_record record;

	for (unsigned i = 0; i < RECORDS; i++)
		if (sheaf_journal_read(journal, 10 * i, &record) == -ENOENT)
			append_number(i);
	cr_assert_eq(count_right(), RECORDS);
	open_again();
	cr_assert_eq(count_right(), RECORDS);
}

static size_t read_file(const char *name, unsigned char *bytes)
{
	FILE *file = fopen(name, "rb");
	size_t size;

	cr_assert_not_null(file);
	size = fread(bytes, 1, MOST_BYTES, file);
	cr_assert(size < MOST_BYTES && !fclose(file));
	return size;
}

static void write_file(const char *name, const unsigned char *bytes, size_t size)
{
	FILE *file = fopen(name, "wb");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

/* Leave a whole journal, closed, and return its bytes. */
static size_t make_whole(unsigned char *bytes)
{
	open_with(NULL);
	for (unsigned i = 0; i < RECORDS; i++)
		append_number(i);
	cr_assert_eq(sheaf_journal_close(journal), 0);
	journal = NULL;
	return read_file(path, bytes);
}

/* ---- hashes ---- */

Test(journal, hashes_as_siphash_does)
{
	/* Of the bytes 0, 1, 2, ... with the key 0, 1, ... 15: made by OpenSSL 3. */
	static const struct {
		size_t size;
		uint64_t narrow, low, high;
	} known[] = {{0, 0x726fdb47dd0e0e31, 0xe6a825ba047f81a3, 0x930255c71472f66d},
		     {1, 0x74f839c593dc67fd, 0x44af996bd8c187da, 0x45fc229b11597634},
		     {7, 0xab0200f58b01d137, 0x53c1dbd8beebf1a1, 0x3982f01fa64ab8c0},
		     {8, 0x93f5f5799a932462, 0x61f55862baa9623b, 0xb49714f364e2830f},
		     {15, 0xa129ca6149be45e5, 0x11a8b03399e99354, 0xd9c3cf970fec087e},
		     {63, 0x958a324ceb064572, 0x4a83502f77d15051, 0x7cbd3f979a063e50}};
	const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	unsigned char text[64];

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct hash hash;
		uint64_t found[2];

		cr_assert_eq(hash_of(key, text, known[i].size), known[i].narrow, "%zu bytes", known[i].size);
		for (size_t cut = 0; cut <= known[i].size; cut++) {
			hash_begin(&hash, key, true);
			hash_add(&hash, text, cut);
			hash_add(&hash, text + cut, (known[i].size - cut) / 2);
			hash_add(&hash, text + cut + (known[i].size - cut) / 2,
				 known[i].size - cut - (known[i].size - cut) / 2);
			hash_end(&hash, found);
			cr_assert(found[0] == known[i].low && found[1] == known[i].high, "%zu bytes, cut at %zu", known[i].size,
				  cut);
		}
	}
}

static bool same(const sheaf_identity *a, const sheaf_identity *b)
{
	return a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1];
}

Test(journal, identities_differ_in_all_that_counts)
{
	sheaf_identity made[10];

	for (size_t i = 0; i < 10; i++)
		cr_assert_eq(sheaf_identity_begin(&made[i], i == 1 ? "smootH" : "smooth", i == 2 ? 4 : 3), 0);
	cr_assert(same(&made[0], &job));
	cr_assert_eq(sheaf_identity_add(&made[3], "width", "12", 2), 0);
	cr_assert_eq(sheaf_identity_add(&made[4], "width", "13", 2), 0);
	cr_assert_eq(sheaf_identity_add(&made[5], "width1", "2", 1), 0);
	cr_assert_eq(sheaf_identity_add(&made[6], "height", "12", 2), 0);
	cr_assert(!sheaf_identity_add(&made[7], "width", "12", 2) && !sheaf_identity_add(&made[7], "height", "12", 2));
	cr_assert(!sheaf_identity_add(&made[8], "height", "12", 2) && !sheaf_identity_add(&made[8], "width", "12", 2));
	cr_assert_eq(sheaf_identity_add(&made[9], "", NULL, 0), 0);
	for (size_t i = 0; i < 10; i++)
		for (size_t j = 0; j < i; j++)
			cr_assert(!same(&made[i], &made[j]), "%zu and %zu", i, j);
	expect_refused(sheaf_identity_begin(&made[0], NULL, 1), -EINVAL, "name is NULL");
	expect_refused(sheaf_identity_add(&made[0], "x", NULL, 1), -EINVAL, "bytes is NULL");
}

static sheaf_identity of_file(enum sheaf_content content)
{
	sheaf_identity identity = job;

	cr_assert_eq(sheaf_identity_add_file(&identity, other_path, content), 0, "%s", sheaf_message());
	return identity;
}

static void change_byte(off_t at, char value)
{
	struct stat status;
	int fd = open(other_path, O_WRONLY);

	cr_assert(fd >= 0 && !fstat(fd, &status) && pwrite(fd, &value, 1, at) == 1);
	/* The time may stay the same, by a clock that is coarse or by intent. */
	cr_assert_eq(futimens(fd, (struct timespec[2]){status.st_mtim, status.st_mtim}), 0);
	close(fd);
}

Test(journal, identities_of_files_are_their_content)
{
	sheaf_identity full, sampled;
	int fd = open(other_path, O_WRONLY | O_CREAT, 0600);

	cr_assert(fd >= 0 && !ftruncate(fd, 3 << 20) && !close(fd));
	full = of_file(SHEAF_FULL);
	sampled = of_file(SHEAF_SAMPLED);
	cr_assert(!same(&full, &sampled) && !same(&full, &job));
	/* Between two blocks. */
	change_byte((64 << 10) + 8192, 1);
	cr_assert(same(&sampled, &(sheaf_identity[1]){of_file(SHEAF_SAMPLED)}[0]));
	cr_assert(!same(&full, &(sheaf_identity[1]){of_file(SHEAF_FULL)}[0]));
	change_byte((64 << 10) + 8192, 0);
	/* At both edges, and in the first block. */
	for (int i = 0; i < 3; i++) {
		change_byte((off_t[]){5, (3 << 20) - 1, (64 << 10) + 7}[i], 1);
		cr_assert(!same(&sampled, &(sheaf_identity[1]){of_file(SHEAF_SAMPLED)}[0]), "place %d", i);
		change_byte((off_t[]){5, (3 << 20) - 1, (64 << 10) + 7}[i], 0);
	}
	cr_assert(same(&sampled, &(sheaf_identity[1]){of_file(SHEAF_SAMPLED)}[0]));
	cr_assert_eq(utimensat(AT_FDCWD, other_path, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 2}}, 0), 0);
	cr_assert(!same(&sampled, &(sheaf_identity[1]){of_file(SHEAF_SAMPLED)}[0]));
	cr_assert(same(&full, &(sheaf_identity[1]){of_file(SHEAF_FULL)}[0]));
	expect_refused(sheaf_identity_add_file(&job, folder, SHEAF_FULL), -EISDIR, folder);
	expect_refused(sheaf_identity_add_file(&job, path, SHEAF_FULL), -ENOENT, path);
	expect_refused(sheaf_identity_add_file(&job, "/dev/null", SHEAF_FULL), -ENOTSUP, "no regular file");
}

/* ---- journals ---- */

Test(journal, has_what_was_appended)
{
	uint64_t first, count;
	sheaf_journal_record record;

	open_with(NULL);
	append_number(3);
	append_number(0);
	append_number(4);
	cr_assert_eq(count_right(), 3);
	open_again();
	cr_assert_eq(count_right(), 3);
	cr_assert_eq(info_now().positions, 4 + 1 + 5);
	cr_assert_eq(info_now().found, 4 + 1 + 5);
	cr_assert(info_now().records == 3 && !info_now().cut && !info_now().damaged);
	cr_assert(sheaf_journal_missing(journal, 0, 45, &first, &count) == 1 && first == 1 && count == 29);
	cr_assert(sheaf_journal_missing(journal, 31, 45, &first, &count) == 1 && first == 34 && count == 6);
	cr_assert(sheaf_journal_missing(journal, 31, 36, &first, &count) == 1 && first == 34 && count == 2);
	cr_assert_eq(sheaf_journal_missing(journal, 40, 45, &first, &count), 0);
	cr_assert(sheaf_journal_read(journal, 42, &record) == 0 && record.first == 40 && record.count == 5 &&
		  record.size == 20);
	expect_refused(sheaf_journal_read(journal, 45, &record), -ENOENT, "position 45 is not done");
	expect_refused(sheaf_journal_append(journal, 44, 2, NULL, 0), -EEXIST, "44");
	expect_refused(sheaf_journal_append(journal, 29, 2, NULL, 0), -EEXIST, "29");
	expect_refused(sheaf_journal_append(journal, 29, 0, NULL, 0), -EINVAL, "0 positions");
	expect_refused(sheaf_journal_append(journal, UINT64_MAX, 1, NULL, 0), -EINVAL, "positions");
	expect_refused(sheaf_journal_append(journal, 29, 1, NULL, 1), -EINVAL, "bytes is NULL");
	do_the_rest();
}

Test(journal, takes_positions_in_any_order)
{
	enum { COUNT = 5000 };
	static uint64_t order[COUNT];
	struct rng rng = {5};
	sheaf_journal_record record;

	for (uint64_t i = 0; i < COUNT; i++) {
		uint64_t other = rng_below(&rng, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	open_with(NULL);
	for (uint64_t i = 0; i < COUNT; i++)
		cr_assert_eq(sheaf_journal_append(journal, order[i] * 3, 2, &order[i], 8), 0, "%s", sheaf_message());
	for (int again = 0; again < 2; again++) {
		for (uint64_t i = 0; i < COUNT; i++) {
			uint64_t first, count;

			cr_assert_eq(sheaf_journal_read(journal, i * 3 + 1, &record), 0);
			cr_assert(record.first == i * 3 && !memcmp(record.bytes, &i, 8));
			cr_assert(sheaf_journal_missing(journal, i * 3, UINT64_MAX, &first, &count) == 1 && first == i * 3 + 2);
			cr_assert_eq(count, i + 1 < COUNT ? 1 : UINT64_MAX - first);
		}
		open_again();
	}
	cr_assert_eq(info_now().records, COUNT);
}

Test(journal, of_another_job_is_refused_with_both_hashes)
{
	sheaf_journal *second;
	sheaf_identity another;
	char hash[40];

	open_with(NULL);
	append_number(1);
	cr_assert_eq(sheaf_journal_close(journal), 0);
	journal = NULL;
	cr_assert_eq(sheaf_identity_begin(&another, "smooth", 4), 0);
	for (int i = 0; i < 2; i++) {
		const sheaf_identity *one = i ? &another : &job;

		expect_refused(sheaf_journal_open(&second, path, &another, NULL), -ESTALE, "of another job");
		snprintf(hash, sizeof(hash), "%016llx%016llx", (unsigned long long)one->hash[1],
			 (unsigned long long)one->hash[0]);
		cr_assert_not_null(strstr(sheaf_message(), hash), "%s", sheaf_message());
	}
	open_with(NULL);
	cr_assert_eq(count_right(), 1);
}

static int open_in_child(void *expected)
{
	sheaf_journal *second;
	char pid[64];

	snprintf(pid, sizeof(pid), "process %ld has it open", (long)getppid());
	if (sheaf_journal_append(journal, 1000, 1, NULL, 0) != -EPERM)
		return 1;
	if (sheaf_journal_open(&second, path, &job, NULL) != *(int *)expected)
		return 2;
	return strstr(sheaf_message(), pid) ? 0 : 3;
}

Test(journal, is_open_once)
{
	sheaf_journal *second = NULL;
	int status, busy = -EBUSY;
	pid_t child;

	open_with(NULL);
	expect_refused(sheaf_journal_open(&second, path, &job, NULL), -EBUSY, "this process has it open");
	/* That has not taken the lock away. */
	child = child_start(open_in_child, &busy);
	cr_assert(!child_wait(child, &status, hang_deadline()) && WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 0);
	append_number(2);
	open_again();
	cr_assert_eq(count_right(), 1);
}

static int append_and_wait(void *ready)
{
	open_with(NULL);
	append_number(0);
	append_number(1);
	close(*(int *)ready);
	pause();
	return 0;
}

Test(journal, outlives_its_writer)
{
	int ends[2];
	pid_t child;
	char byte;

	cr_assert_eq(pipe(ends), 0);
	child = child_start(append_and_wait, &ends[1]);
	close(ends[1]);
	cr_assert_eq(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	expect_refused(sheaf_journal_open(&journal, path, &job, NULL), -EBUSY, "wait until that ends");
	child_end(child);
	open_with(NULL);
	cr_assert_eq(count_right(), 2);
	do_the_rest();
}

Test(journal, syncs_when_it_is_due)
{
	sheaf_journal_info info;

	open_with(&(sheaf_journal_options){.sync_ns = 1});
	append_number(0);
	append_number(1);
	info = info_now();
	cr_assert(info.syncs == 2 && !info.waiting);
	cr_assert_eq(sheaf_journal_close(journal), 0);
	open_with(&(sheaf_journal_options){.sync_ns = SHEAF_FOREVER, .sync_bytes = 300});
	info = info_now();
	append_number(2);
	cr_assert(info_now().syncs == 0 && info_now().waiting > info.waiting);
	append_number(3);
	append_number(4);
	cr_assert(info_now().syncs == 1 && info_now().waiting == 0, "%d syncs, %d wait", (int)info_now().syncs,
		  (int)info_now().waiting);
	cr_assert_eq(sheaf_journal_sync(journal), 0);
	cr_assert_eq(info_now().syncs, 1);
}

/* ---- damage ---- */

/* Open what is left of a journal. True: it is open; else it was refused with words for the user. */
static bool open_damaged(void)
{
	int r = sheaf_journal_open(&journal, path, &job, NULL);

	if (!r)
		return true;
	journal = NULL;
	cr_assert(r == -EBADMSG || r == -EPROTO || r == -ESTALE, "%d: %s", r, sheaf_message());
	cr_assert_not_null(strstr(sheaf_message(), path));
	cr_assert(strstr(sheaf_message(), "begin anew") || strstr(sheaf_message(), "use"), "%s", sheaf_message());
	return false;
}

Test(journal, cut_at_any_length_goes_on)
{
	unsigned char bytes[MOST_BYTES];
	size_t size = make_whole(bytes);

	for (size_t length = 0; length <= size; length++) {
		unsigned there;

		write_file(path, bytes, length);
		cr_assert(open_damaged(), "%zu bytes: %s", length, sheaf_message());
		there = count_right();
		cr_assert_eq(info_now().records, there);
		cr_assert(length < size ? there < RECORDS : there == RECORDS);
		cr_assert_eq(info_now().damaged, 0);
		do_the_rest();
		cr_assert_eq(sheaf_journal_close(journal), 0);
		journal = NULL;
	}
}

/* All 255 changes of a byte are as many as a checksum may see. */
Test(journal, with_any_byte_changed_is_never_wrong)
{
	unsigned char bytes[MOST_BYTES];
	size_t size = make_whole(bytes);
	unsigned changes[] = {1, 0x80, 0xff};

	for (size_t at = 0; at < size; at++)
		for (size_t c = 0; c < sizeof(changes) / sizeof(changes[0]); c++) {
			bytes[at] ^= (unsigned char)changes[c];
			write_file(path, bytes, size);
			bytes[at] ^= (unsigned char)changes[c];
			if (!open_damaged()) {
				cr_assert(at < 128, "byte %zu: %s", at, sheaf_message());
				continue;
			}
			cr_assert(at >= 128, "the header's byte %zu was not noticed", at);
			cr_assert_eq(count_right(), RECORDS - 1, "byte %zu", at);
			cr_assert(info_now().damaged || info_now().cut);
			do_the_rest();
			cr_assert_eq(sheaf_journal_close(journal), 0);
			journal = NULL;
		}
}

Test(journal, that_is_strict_refuses_damage_but_no_torn_end)
{
	unsigned char bytes[MOST_BYTES];
	size_t size = make_whole(bytes);
	const sheaf_journal_options strict = {.strict = true};

	bytes[200] ^= 1;
	write_file(path, bytes, size);
	expect_refused(sheaf_journal_open(&journal, path, &job, &strict), -EBADMSG, "bytes are damaged");
	bytes[200] ^= 1;
	write_file(path, bytes, size - 3);
	open_with(&strict);
	cr_assert_eq(count_right(), RECORDS - 1);
}

/* A power cut may leave zeros, or blocks of another file, behind what was synced. */
Test(journal, ignores_what_others_left_behind_its_end)
{
	unsigned char bytes[MOST_BYTES], old[MOST_BYTES];
	size_t old_size = make_whole(old), size;

	unlink(path);
	open_with(NULL);
	append_number(0);
	append_number(1);
	cr_assert_eq(sheaf_journal_close(journal), 0);
	journal = NULL;
	size = read_file(path, bytes);
	for (int zeros = 0; zeros < 2; zeros++) {
		if (zeros)
			memset(old, 0, sizeof(old));
		memcpy(old, bytes, size);
		write_file(path, old, old_size);
		open_with(NULL);
		cr_assert_eq(count_right(), 2, "records of an older file were taken");
		cr_assert_eq(info_now().cut, old_size - size);
		do_the_rest();
		cr_assert_eq(sheaf_journal_close(journal), 0);
		journal = NULL;
	}
}

Test(journal, leaves_other_files_alone)
{
	unsigned char text[] = "a thesis that took four years, in one short line", found[MOST_BYTES];

	write_file(path, text, sizeof(text));
	expect_refused(sheaf_journal_open(&journal, path, &job, NULL), -EBADMSG, "is no journal");
	cr_assert(read_file(path, found) == sizeof(text) && !memcmp(found, text, sizeof(text)));
	expect_refused(sheaf_journal_open(&journal, folder, &job, NULL), -EISDIR, "cannot open");
	expect_refused(sheaf_journal_open(&journal, "/dev/null", &job, NULL), -ENOTSUP, "no regular file");
	expect_refused(sheaf_journal_open(&journal, path, NULL, NULL), -EINVAL, "identity is NULL");
	cr_assert_eq(journal, NULL);
}

/* The limit stands for a full disk: a write takes less than all, then fails. */
Test(journal, goes_on_when_there_is_room_again)
{
	struct rlimit before, tight;
	struct stat status;

	open_with(NULL);
	append_number(0);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = before;
	tight.rlim_cur = info_now().bytes + 60;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	expect_refused(sheaf_journal_append(journal, 40, 5, "01234567890123456789", 20), -EFBIG, "cannot append");
	cr_assert(!stat(path, &status) && (uint64_t)status.st_size == info_now().bytes);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	do_the_rest();
}
