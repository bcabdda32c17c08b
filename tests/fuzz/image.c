/*
 * image.c - takes the image while its pool's workers stand still.
 */
#include "image.h"

#include "os/files.h"
#include "os/os.h"
#include "pool/pool.h"
#include "sheaf_trace.h"
#include "support/check.h"
#include "support/children.h"
#include "support/deadline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct gate {
	_Atomic unsigned arrived;
	_Atomic bool open;
	uint64_t at; /* the loop's position that waits */
};

static void pass(struct gate *gate)
{
	atomic_fetch_add(&gate->arrived, 1);
	while (!atomic_load(&gate->open))
		sleep_ns(1000000);
}

static int wait_in_task(sheaf_task *task, const void *arg, void *result)
{
	struct gate *gate;

	(void)result;
	memcpy(&gate, arg, sizeof(gate));
	if (sheaf_task_position(task) == IMAGE_TASK)
		pass(gate);
	return 0;
}

static int wait_in_loop(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct gate *gate = context;

	(void)task;
	if (gate->at >= begin && gate->at < end)
		pass(gate);
	return 0;
}

static void await(struct gate *gate, unsigned arrived)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&gate->arrived) < arrived) {
		CHECK(sheaf_now_ns() < deadline, "the workers do not come");
		sleep_ns(1000000);
	}
}

static void copy(struct image *image, const struct segment *segment)
{
	struct stat status;
	uint64_t used = 0, units = segment->heap_size / UNIT;
	int r;

	for (uint64_t u = 0; u < units && u < atomic_load(&segment->control->heap_mapped); u++)
		if (atomic_load(&segment->heap_map[u]))
			used = u + 1;
	image->size = (size_t)(used ? segment->heap + used * UNIT : segment->header->heap_map);
	image->bytes = malloc(image->size);
	CHECK(image->bytes && !fstat(segment->fd, &status) && (uint64_t)status.st_size == segment->size, "%zu bytes",
	      image->size);
	r = os_read_at(segment->fd, 0, image->bytes, image->size);
	CHECK(r == 0, "os_read_at: %d", r);
	memcpy(&image->header, image->bytes, sizeof(image->header));
}

void image_take(struct image *image, uint64_t n)
{
	sheaf_pool_options options = {.workers = 2,
				      .ring_size = 8,
				      .max_batches = 2,
				      .heap_size = 1 << 20,
				      .flags = SHEAF_ANONYMOUS,
				      .tracing = &(sheaf_tracing){.records = 64}};
	sheaf_batch *tasks, *loop;
	struct gate *gate;
	sheaf_pool *pool;
	void *memory;

	CHECK(!sheaf_pool_create(&pool, &options) && !sheaf_alloc(pool, sizeof(*gate), &memory), "no pool");
	gate = memory;
	gate->at = IMAGE_HALT(n);
	/* All rings are used. */
	CHECK(!sheaf_batch_create(&tasks, pool, &(sheaf_batch_options){.priority = SHEAF_HIGH}) &&
		      !sheaf_batch_create(&loop, pool, NULL),
	      "no batches");
	CHECK(!sheaf_submit(tasks, IMAGE_TASK, wait_in_task, &gate, sizeof(gate)), "no task");
	await(gate, 1);
	CHECK(!sheaf_submit_for(loop, wait_in_loop, gate, n, &(sheaf_map_options){.grain = 1}), "no loop");
	await(gate, 2);
	for (unsigned i = 1; i < IMAGE_WAITING; i++)
		CHECK(!sheaf_submit(tasks, IMAGE_TASK + i, wait_in_task, &gate, sizeof(gate)), "task %u", i);
	copy(image, &pool->segment);
	atomic_store(&gate->open, true);
	sheaf_batch_retire(tasks);
	sheaf_batch_retire(loop);
	sheaf_pool_destroy(pool);
}

/* ---- files ---- */

static char names[8][64];
static unsigned name_count;
static pid_t creator;

static void remove_names(void)
{
	while (getpid() == creator && name_count)
		shm_unlink(names[--name_count]);
}

int file_create(const char *name)
{
	int fd, r;

	if (!creator)
		atexit(remove_names);
	creator = getpid();
	CHECK(name_count < sizeof(names) / sizeof(names[0]) && strlen(name) < sizeof(names[0]), "%s", name);
	r = os_shm_create(name, &fd);
	CHECK(r == 0, "cannot create %s: %s", name, strerror(-r));
	snprintf(names[name_count++], sizeof(names[0]), "%s", name);
	return fd;
}

void file_write(int fd, uint64_t offset, const void *bytes, size_t size)
{
	ssize_t wrote = pwrite(fd, bytes, size, (off_t)offset);

	CHECK(wrote == (ssize_t)size, "%zu bytes at %llu: %s", size, (unsigned long long)offset, strerror(errno));
}

void file_fill(int fd, const struct image *image)
{
	static const unsigned char zeros[PAGE];

	/* What was there before goes with its pages. */
	CHECK(!ftruncate(fd, 0) && !ftruncate(fd, (off_t)image->header.size), "ftruncate: %s", strerror(errno));
	for (size_t at = 0; at < image->size; at += PAGE) {
		size_t n = image->size - at < PAGE ? image->size - at : PAGE;

		if (memcmp(image->bytes + at, zeros, n))
			file_write(fd, at, image->bytes + at, n);
	}
}
