/*
 * table_load.c - a pool, a file and a pipe, and the rules.
 */
#include "table_load.h"

#include "base/printable.h"
#include "os/os.h"
#include "segment/layout.h"
#include "sheaf_data.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLACK (1 << 20)
#define HEAP ((size_t)1 << 30)
#define GAPS 40

static sheaf_pool *pool;
static char path[4096];
static int file = -1;

/*
 * Leave free blocks of 1, 2, 3 and more units in front of the rest, so that tables that grow have
 * to move.
 */
static void break_heap(void)
{
	void *gaps[GAPS], *walls[GAPS];

	for (size_t i = 0; i < GAPS; i++)
		CHECK(!sheaf_alloc(pool, (i + 1) * UNIT, &gaps[i]) && !sheaf_alloc(pool, 1, &walls[i]), "gap %zu", i);
	for (size_t i = 0; i < GAPS; i++)
		CHECK(!sheaf_free(pool, gaps[i]), "gap %zu", i);
}

void table_load_begin(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/sheaf-fuzz-data-XXXXXX", folder ? folder : "/tmp");
	/*
	 * By its number alone: nothing stays, however the program ends. In memory where that can be
	 * had, as disks are slow at this.
	 */
	if (os_shm_unnamed(&file)) {
		file = mkstemp(path);
		CHECK(file >= 0, "%s: %s", path, strerror(errno));
		unlink(path);
	}
	CHECK(sheaf_pool_create(&pool,
				&(sheaf_pool_options){
					.workers = 1, .heap_size = HEAP, .backend = SHEAF_THREADS, .flags = SHEAF_ANONYMOUS}) ==
		      0,
	      "no pool");
	break_heap();
}

void table_load_end(void)
{
	sheaf_pool_destroy(pool);
	close(file);
}

/* ---- pipes ---- */

struct writer {
	const struct table_input *input;
	int end;
};

static void *write_all(void *context)
{
	struct writer *writer = context;

	for (size_t done = 0; done < writer->input->size;) {
		ssize_t wrote = write(writer->end, writer->input->bytes + done, writer->input->size - done);

		if (wrote < 0)
			break; /* the reader has ended */
		done += (size_t)wrote;
	}
	close(writer->end);
	return NULL;
}

/* ---- the rules ---- */

static _Noreturn void complain(const struct table_input *input, const char *what, const struct memory_use *use, int r)
{
	fprintf(stderr,
		"%s: %zu bytes by %s, header %u, missing %u: result %d (%s); peak %lld, read %llu, left %lld and %lld\n", what,
		input->size, input->piped ? "pipe" : "file", input->header, input->missing, r, sheaf_message(),
		(long long)use->peak, (unsigned long long)use->read, (long long)use->private_bytes, (long long)use->heap_bytes);
	for (size_t i = 0; i < input->size && i < 400; i++)
		fprintf(stderr, "%02x%s", input->bytes[i], i % 40 == 39 ? "\n" : " ");
	CHECK(false, "%s", what);
	abort();
}

static bool is_documented(const struct table_input *input, int r)
{
	static const int codes[] = {0, -EBADMSG, -ENOTSUP, -EOVERFLOW, -ENOMEM};

	/* Of an archive: no array, or several. */
	if (input->size > 1 && input->bytes[0] == 'P' && (r == -ENOENT || r == -EINVAL))
		return true;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (r == codes[i])
			return true;
	return false;
}

static const char *find_fault(const struct table_input *input, const struct memory_use *use, int r, const sheaf_array *array)
{
	size_t bytes = r == 0 ? sheaf_array_count(array) * array->item_size : 0;
	/* The map of the heap grows by the way, a page for 32 MiB, and stays: it is the pool's. */
	int64_t map = HEAP / UNIT * 8;

	if (!is_documented(input, r))
		return "undocumented code";
	if (use->peak > (int64_t)(MEMORY_PER_BYTE * use->read) + SLACK)
		return "too much memory";
	/* Of a file the size is known before it is read; of a pipe nothing is. */
	if (input->piped && use->excess > SLACK)
		return "memory before there was anything for it";
	if (use->read > input->size)
		return "read twice";
	if (use->private_bytes != 0)
		return "private memory leaks";
	if (use->heap_bytes < (int64_t)bytes || use->heap_bytes > (int64_t)(bytes + UNIT) + map)
		return "the heap holds what it should not";
	if (r < 0 && (!*sheaf_message() || !printable_already(sheaf_message())))
		return "no message, or one that is not printable";
	if (r < 0 && (array->data || array->shape[0] != 77 || array->shape[1] != 78))
		return "a failure has changed the array";
	if (r == 0 && (array->data != NULL) != (bytes > 0))
		return "data without values, or values without data";
	return NULL;
}

static int load(const struct table_input *input, int fd, struct memory_use *use)
{
	char name[32];
	static const char *const missing[][4] = {{NULL}, {"NA", NULL}, {"", NULL}, {"", "-", "NA", NULL}};
	const sheaf_load_options options = {.header = (enum sheaf_header)input->header,
					    .missing = input->missing ? missing[input->missing] : NULL};
	sheaf_array array = {.shape = {77, 78}};
	sheaf_pool_info before, after;
	const char *fault;
	int r;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	sheaf_pool_get_info(pool, &before);
	memory_meter_begin(fd);
	r = sheaf_array_load(&array, pool, name, &options);
	*use = memory_meter_end();
	fault = find_fault(input, use, r, &array);
	if (fault)
		complain(input, fault, use, r);
	if (r == 0)
		sheaf_array_free(&array, pool);
	sheaf_pool_get_info(pool, &after);
	if (after.heap_used != before.heap_used)
		complain(input, "the heap has less than before", use, r);
	return r;
}

int table_load(const struct table_input *input, struct memory_use *use)
{
	struct writer writer = {.input = input};
	int ends[2], r, threaded;
	pthread_t thread;

	if (!input->piped) {
		CHECK(!ftruncate(file, 0) && pwrite(file, input->bytes, input->size, 0) == (ssize_t)input->size, "%s",
		      strerror(errno));
		return load(input, file, use);
	}
	CHECK(pipe(ends) == 0, "pipe: %s", strerror(errno));
	writer.end = ends[1];
	threaded = input->size > 4096;
	if (!threaded)
		write_all(&writer);
	else
		CHECK(!pthread_create(&thread, NULL, write_all, &writer), "no thread");
	r = load(input, ends[0], use);
	/* A thread that still writes gets EPIPE. */
	close(ends[0]);
	if (threaded)
		pthread_join(thread, NULL);
	return r;
}
