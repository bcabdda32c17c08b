/*
 * test_cache.c - results on disk, for several processes: what was put is got by all, until there is
 * no room.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sheaf_resume.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"

#define MOST 8192
#define FAMILY 4
#define CALLS 200

static char folder[256], path[300], part[310];
static sheaf_cache *cache;
static int files_before;

static void set_up(void)
{
	const char *place = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/sheaf-cache-XXXXXX", place ? place : "/tmp");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/results", folder);
	snprintf(part, sizeof(part), "%s.part", path);
	files_before = count_open_files();
}

static void tear_down(void)
{
	sheaf_cache_close(cache);
	cache = NULL;
	child_end_all();
	cr_assert_eq(count_open_files(), files_before, "a file is left open");
	unlink(path);
	cr_assert_eq(rmdir(folder), 0, "something is left in %s", folder);
}

TestSuite(cache, .init = set_up, .fini = tear_down);

static void open_with(uint64_t max_bytes)
{
	cr_assert_eq(sheaf_cache_open(&cache, path, &(sheaf_cache_options){.max_bytes = max_bytes}), 0, "%s", sheaf_message());
}

static void open_again(void)
{
	sheaf_cache_close(cache);
	cache = NULL;
	open_with(0);
}

static void expect_refused(int r, int code, const char *text)
{
	cr_assert_eq(r, code, "%d instead of %d: %s", r, code, sheaf_message());
	cr_assert_not_null(strstr(sheaf_message(), text), "the message \"%s\" lacks \"%s\"", sheaf_message(), text);
}

/* Result i is i % 100 bytes of i. */
static sheaf_identity call_of(unsigned i)
{
	sheaf_identity call;

	sheaf_identity_begin(&call, "work", 1);
	sheaf_identity_add(&call, "", &i, sizeof(i));
	return call;
}

static int put_number(unsigned i)
{
	unsigned char bytes[100];
	sheaf_identity call = call_of(i);

	memset(bytes, (int)i & 0xff, sizeof(bytes));
	return sheaf_cache_put(cache, &call, bytes, i % 100);
}

/* 1; 0; a negative errno; 2: it is wrong. */
static int get_number(unsigned i)
{
	sheaf_identity call = call_of(i);
	unsigned char *bytes = NULL;
	void *found = NULL;
	size_t size = 0;
	int r = sheaf_cache_get(cache, &call, &found, &size);

	bytes = found;
	if (r == 1 && size != i % 100)
		r = 2;
	for (size_t b = 0; r == 1 && b < size; b++)
		if (bytes[b] != (i & 0xff))
			r = 2;
	free(found);
	return r;
}

static sheaf_cache_info info_now(void)
{
	sheaf_cache_info info;

	cr_assert_eq(sheaf_cache_get_info(cache, &info), 0);
	return info;
}

Test(cache, gives_what_was_put)
{
	open_with(0);
	for (unsigned i = 0; i < CALLS; i++) {
		cr_assert_eq(get_number(i), 0);
		cr_assert_eq(put_number(i), 0, "%s", sheaf_message());
		cr_assert_eq(put_number(i), 0, "%s", sheaf_message());
		cr_assert_eq(get_number(i), 1);
	}
	cr_assert(info_now().hits == CALLS && info_now().misses == CALLS && info_now().puts == CALLS);
	open_again();
	for (unsigned i = 0; i < CALLS; i++)
		cr_assert_eq(get_number(i), 1);
	cr_assert_eq(info_now().entries, CALLS);
}

Test(cache, refuses_what_it_cannot_keep)
{
	static char large[5000];
	sheaf_identity call = call_of(1);
	sheaf_cache *second;
	size_t size;

	expect_refused(sheaf_cache_open(&cache, path, &(sheaf_cache_options){.max_bytes = 100}), -EINVAL, "at least 4096");
	expect_refused(sheaf_cache_open(&cache, folder, NULL), -EISDIR, "cannot open");
	open_with(MOST);
	expect_refused(sheaf_cache_open(&second, path, NULL), -EBUSY, "share that handle");
	expect_refused(sheaf_cache_put(cache, &call, large, sizeof(large)), -EOVERFLOW, "more than half");
	expect_refused(sheaf_cache_put(cache, &call, NULL, 1), -EINVAL, "bytes is NULL");
	expect_refused(sheaf_cache_get(cache, &call, NULL, &size), -EINVAL, "bytes is NULL");
	expect_refused(sheaf_cache_get_info(NULL, NULL), -EINVAL, "info is NULL");
}

Test(cache, is_no_journal)
{
	sheaf_journal *journal;
	sheaf_identity job = call_of(0);
	char text[] = "somebody's notes";
	int fd;

	cr_assert_eq(sheaf_journal_open(&journal, path, &job, NULL), 0);
	cr_assert_eq(sheaf_journal_close(journal), 0);
	expect_refused(sheaf_cache_open(&cache, path, NULL), -EBADMSG, "is no cache");
	fd = open(path, O_WRONLY | O_TRUNC);
	cr_assert_eq(write(fd, text, sizeof(text)), sizeof(text));
	close(fd);
	expect_refused(sheaf_cache_open(&cache, path, NULL), -EBADMSG, "is no cache");
}

Test(cache, stays_within_its_bound_and_keeps_what_is_used)
{
	struct stat status;
	unsigned kept = 0;

	open_with(MOST);
	for (unsigned i = 0; i < CALLS; i++) {
		cr_assert_eq(put_number(i), 0, "%s", sheaf_message());
		cr_assert(!stat(path, &status) && status.st_size <= MOST, "%d bytes", (int)status.st_size);
		cr_assert_eq(get_number(i), 1);
	}
	for (unsigned i = 0; i < CALLS; i++)
		kept += get_number(i) == 1;
	cr_assert(kept >= MOST / 4 / 148 && kept < CALLS);
	cr_assert_eq(info_now().evicted, CALLS - kept);
	/* The latest of all. */
	cr_assert_eq(get_number(CALLS - 1), 1);
	cr_assert(access(part, F_OK));
}

/* Set the second of the last use, as a process does that got the result then. */
static void set_used(unsigned number, uint64_t second)
{
	unsigned char bytes[MOST];
	sheaf_identity call = call_of(number);
	int fd = open(path, O_RDWR);
	ssize_t size = read(fd, bytes, sizeof(bytes));

	for (ssize_t at = 128; at + 40 <= size; at += 8)
		if (!memcmp(bytes + at, call.hash, sizeof(call.hash)))
			cr_assert_eq(pwrite(fd, &second, sizeof(second), at + 24), sizeof(second));
	close(fd);
}

Test(cache, evicts_what_was_used_longest_ago)
{
	unsigned i;

	open_with(MOST);
	for (i = 50; i < 70; i++)
		cr_assert_eq(put_number(i), 0);
	for (i = 50; i < 70; i++)
		set_used(i, i % 2 ? 1000 : 2000000000);
	while (!info_now().evicted)
		cr_assert_eq(put_number(i++), 0);
	for (i = 50; i < 70; i += 2)
		cr_assert_eq(get_number(i), 1, "%u was used later than others", i);
	cr_assert_eq(get_number(51), 0);
}

Test(cache, with_any_byte_changed_gives_nothing_wrong)
{
	unsigned char bytes[MOST];
	struct stat status;
	int fd;

	open_with(MOST);
	for (unsigned i = 10; i < 15; i++)
		cr_assert_eq(put_number(i), 0);
	fd = open(path, O_RDWR);
	cr_assert(!fstat(fd, &status) && read(fd, bytes, sizeof(bytes)) == status.st_size);
	for (off_t at = 128; at < status.st_size; at++) {
		int found = 0;

		sheaf_cache_close(cache);
		cache = NULL;
		bytes[at] ^= 0x10;
		cr_assert(!ftruncate(fd, 0) && pwrite(fd, bytes, (size_t)status.st_size, 0) == status.st_size);
		bytes[at] ^= 0x10;
		open_with(MOST);
		for (unsigned i = 10; i < 15; i++) {
			int r = get_number(i);

			cr_assert(r == 0 || r == 1, "byte %d: %d", (int)at, r);
			found += r;
			cr_assert_eq(put_number(i), 0);
			cr_assert_eq(get_number(i), 1);
		}
		cr_assert_geq(found, 4);
	}
	close(fd);
}

Test(cache, cut_at_any_length_goes_on)
{
	unsigned char bytes[MOST];
	struct stat status;
	int fd;

	open_with(MOST);
	for (unsigned i = 10; i < 13; i++)
		cr_assert_eq(put_number(i), 0);
	fd = open(path, O_RDWR);
	cr_assert(!fstat(fd, &status) && read(fd, bytes, sizeof(bytes)) == status.st_size);
	for (off_t length = 0; length < status.st_size; length++) {
		sheaf_cache_close(cache);
		cache = NULL;
		cr_assert(!ftruncate(fd, 0) && pwrite(fd, bytes, (size_t)length, 0) == length);
		open_with(MOST);
		for (unsigned i = 10; i < 13; i++) {
			int r = get_number(i);

			cr_assert(r == 0 || r == 1);
			cr_assert_eq(put_number(i), 0);
			cr_assert_eq(get_number(i), 1);
		}
	}
	close(fd);
}

/* ---- several processes ---- */

static int use_together(void *context)
{
	unsigned me = *(unsigned *)context, hits = 0;

	if (sheaf_cache_open(&cache, path, &(sheaf_cache_options){.max_bytes = MOST}))
		return 1;
	for (unsigned i = 0; i < CALLS * 3; i++) {
		unsigned number = (i / 2 * 7 + me * 11) % CALLS;
		int r = get_number(number);

		if (r < 0 || r > 1) {
			fprintf(stderr, "get: %d: %s\n", r, sheaf_message());
			return 2;
		}
		hits += (unsigned)r;
		if (!r && put_number(number)) {
			fprintf(stderr, "put: %s\n", sheaf_message());
			return 3;
		}
	}
	sheaf_cache_close(cache);
	return hits ? 0 : 4;
}

Test(cache, is_shared_by_processes_while_it_overflows)
{
	unsigned numbers[FAMILY];
	pid_t family[FAMILY];

	for (unsigned i = 0; i < FAMILY; i++) {
		numbers[i] = i;
		family[i] = child_start(use_together, &numbers[i]);
		cr_assert_gt(family[i], 0);
	}
	for (unsigned i = 0; i < FAMILY; i++) {
		int status;

		cr_assert_eq(child_wait(family[i], &status, hang_deadline()), 0);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %u ends with %d", i, WEXITSTATUS(status));
	}
	open_with(MOST);
	cr_assert_leq(info_now().bytes, MOST);
}

static int put_one(void *context)
{
	unsigned number = *(unsigned *)context;

	if (sheaf_cache_put(cache, &(sheaf_identity[1]){call_of(number)}[0], "x", 1) != -EPERM)
		return 1;
	cache = NULL;
	if (sheaf_cache_open(&cache, path, NULL) || put_number(number))
		return 2;
	sheaf_cache_close(cache);
	return 0;
}

Test(cache, sees_what_others_put)
{
	unsigned number = 42;
	int status;
	pid_t child;

	open_with(0);
	cr_assert_eq(get_number(number), 0);
	child = child_start(put_one, &number);
	cr_assert(!child_wait(child, &status, hang_deadline()) && WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 0);
	cr_assert_eq(get_number(number), 1);
	/* Somebody has removed the file. */
	unlink(path);
	cr_assert_eq(get_number(number), 1, "what is known is there");
	cr_assert_eq(get_number(43), 0);
	cr_assert_eq(put_number(43), 0);
	open_again();
	cr_assert_eq(get_number(43), 1);
}

static int sum_up(const char *file, unsigned radius, void **bytes, size_t *size)
{
	uint64_t *sum = malloc(sizeof(*sum));

	cr_assert_not_null(sum);
	*sum = radius + strlen(file);
	*bytes = sum;
	*size = sizeof(*sum);
	return 0;
}

/* As the how-to page has it. */
static int get_or_compute(const char *file, unsigned radius, void **bytes, size_t *size)
{
	sheaf_identity call;
	int r;

	if ((r = sheaf_identity_begin(&call, "sum_up", 3)) ||
	    (r = sheaf_identity_add(&call, "radius", &radius, sizeof(radius))) ||
	    (r = sheaf_identity_add_file(&call, file, SHEAF_FULL)) || (r = sheaf_cache_get(cache, &call, bytes, size)))
		return r;
	r = sum_up(file, radius, bytes, size);
	return r ? r : sheaf_cache_put(cache, &call, *bytes, *size);
}

Test(cache, computes_once_for_each_call)
{
	int hits = 0;

	open_with(0);
	for (unsigned i = 0; i < 6; i++) {
		void *bytes;
		size_t size;
		int r = get_or_compute("/etc/passwd", i % 3, &bytes, &size);

		cr_assert(r >= 0 && size == 8 && *(uint64_t *)bytes == i % 3 + 11, "%d: %s", r, sheaf_message());
		hits += r;
		free(bytes);
	}
	cr_assert_eq(hits, 3);
}
