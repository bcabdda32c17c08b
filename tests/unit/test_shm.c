/*
 * test_shm.c - a /dev/shm that is small or unusable, in a mount namespace of a child: every
 * shortage is an error and never a SIGBUS.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/mount.h>
#endif

#include "pools.h"
#include "support/memory_cgroup.h"
#include "support/small_shm.h"

static void finish(void)
{
	memory_cgroup_remove();
	end();
}

TestSuite(shm, .init = begin, .fini = finish);

#ifdef __linux__

static bool mount_shm(const char *size, unsigned long flags)
{
	signal(SIGBUS, SIG_DFL);
	return small_shm_enter() && small_shm_mount(size, flags);
}

static const sheaf_pool_options small = {.workers = 2, .ring_size = 64, .max_batches = 4, .heap_size = 64 << 20};

static bool pool_works(void)
{
	uint64_t value = 1, mixed = 0;

	return !sheaf_apply(pool, mix_item, &value, 8, &mixed, 8, NULL) && mixed == mix(1) && kill(0, 0) == 0;
}

/* ---- create ---- */

static int create_in_too_small(void *context)
{
	char name[64];
	unsigned long long needs, all;

	(void)context;
	if (!mount_shm("size=64k,mode=1777", 0))
		return CHILD_SKIPS;
	snprintf(name, sizeof(name), "/sheaf-unit-%ld", (long)getpid());
	/* The default ring alone has 64 KiB. */
	child_check(sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .name = name}) == -ENOSPC);
	child_check(!pool);
	child_check(sscanf(sheaf_message(),
			   "the control area of the pool needs %llu bytes of shared memory, which can never fit: /dev/shm has "
			   "%llu in all",
			   &needs, &all) == 2);
	child_check(needs > 65536 && all == 65536);
	child_check(strstr(sheaf_message(), "enlarge it (docker: --shm-size) or ask for less"));
	child_check(segment_name_exists(name) == 0 && count_children() == 0);
	return 0;
}

Test(shm, that_is_too_small_for_a_pool_is_an_error)
{
	in_child(create_in_too_small, NULL);
}

static int create_in_read_only(void *context)
{
	(void)context;
	if (!mount_shm("size=1m,mode=1777", MS_RDONLY))
		return CHILD_SKIPS;
	child_check(sheaf_pool_create(&pool, &small) == -EROFS);
	child_check(strstr(sheaf_message(), "cannot create the segment /sheaf-"));
	child_check(strstr(sheaf_message(), "(is /dev/shm mounted and writable?)"));
	child_check(!pool);
	return 0;
}

Test(shm, that_is_read_only_is_an_error)
{
	in_child(create_in_read_only, NULL);
}

static int create_without_right(void *context)
{
	(void)context;
	if (!mount_shm("size=1m,mode=0700", 0) || !become_user(61234))
		return CHILD_SKIPS;
	child_check(sheaf_pool_create(&pool, &small) == -EACCES);
	child_check(strstr(sheaf_message(), "Permission denied (is /dev/shm mounted and writable?)"));
	/* Where the system has segments without a name, these need no folder. */
	if (!sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .heap_size = 1 << 20, .flags = SHEAF_ANONYMOUS})) {
		child_check(pool_works());
		sheaf_pool_destroy(pool);
	}
	return 0;
}

Test(shm, without_the_right_to_write_is_an_error)
{
	in_child(create_without_right, NULL);
}

static int create_without_folder(void *context)
{
	char name[64], text[200];
	sheaf_pool_options options = small;

	(void)context;
	/* Nothing is in the folder where /dev/shm was. */
	if (!mount_shm("size=64k", 0) || mount("none", "/dev", "tmpfs", 0, "size=64k"))
		return CHILD_SKIPS;
	snprintf(name, sizeof(name), "/sheaf-unit-%ld", (long)getpid());
	snprintf(text, sizeof(text),
		 "cannot create the segment %s in shared memory: No such file or directory (is /dev/shm mounted and writable?)",
		 name);
	options.name = name;
	child_check(sheaf_pool_create(&pool, &options) == -ENOENT);
	child_check(!strcmp(sheaf_message(), text));
	options.name = NULL;
	child_check(sheaf_pool_create(&pool, &options) == -ENOENT);
	child_check(!strcmp(sheaf_message(), "cannot read random bits from /dev/urandom: No such file or directory"));
	return 0;
}

Test(shm, that_is_missing_is_an_error)
{
	in_child(create_without_folder, NULL);
}

/* ---- a container that has less memory than its /dev/shm has room ---- */

#define LIMIT ((uint64_t)96 << 20)

static int allocate_in_group(void *context)
{
	sheaf_pool_options options = {.workers = 2, .heap_size = (size_t)1 << 30};
	void *pieces[200], *large;
	unsigned n;
	int r;

	(void)context;
	if (!mount_shm("size=1g,mode=1777", 0) || !memory_cgroup_enter())
		return CHILD_SKIPS;
	child_check(!sheaf_pool_create(&pool, &options));
	/*
	 * Blocks of any size: neither the large ones nor the sum of the small ones may have the
	 * kernel kill a process.
	 */
	for (size_t size = 64 << 10; size <= 16 << 20; size *= 16) {
		uint64_t all = 0;

		for (n = 0; n < 200 && !(r = sheaf_alloc(pool, size, &pieces[n])); n++) {
			memset(pieces[n], 1, size);
			all += size;
		}
		child_check(size < 1 << 20 || (r == -ENOSPC && strstr(sheaf_message(), "the memory cgroup /")));
		child_check(size < 1 << 20 || (strstr(sheaf_message(), "which may have 100663296, has ") && all >= LIMIT / 2));
		child_check(sheaf_alloc(pool, 2 * LIMIT, &large) == -ENOSPC);
		child_check(pool_works());
		while (n)
			child_check(!sheaf_free(pool, pieces[--n]));
	}
	/* In small pieces alone. */
	for (n = 0; !(r = sheaf_alloc(pool, 256 << 10, &large)) && n < 1000; n++)
		memset(large, 1, 256 << 10);
	child_check(r == -ENOSPC && n > 100);
	child_check(pool_works());
	sheaf_pool_destroy(pool);
	return 0;
}

Test(shm, that_the_memory_cgroup_does_not_allow_is_an_error)
{
	if (!memory_cgroup_make(LIMIT))
		cr_skip_test("this process may not make a cgroup");
	in_child(allocate_in_group, NULL);
}

/* ---- full while the pool runs ---- */

static int allocate_until_full(void *context)
{
	static void *pieces[64];
	unsigned char *memory;
	int n = 0, r;

	(void)context;
	if (!mount_shm("size=2m,mode=1777", 0))
		return CHILD_SKIPS;
	child_check(!sheaf_pool_create(&pool, &small));
	for (int round = 0; round < 3; round++) {
		for (n = 0; n < 64 && !(r = sheaf_alloc(pool, 65536, &pieces[n])); n++)
			memset(pieces[n], 1, 65536);
		child_check(r == -ENOSPC && n > 10);
		child_check(strstr(sheaf_message(), "sheaf_alloc needs 65536 bytes of shared memory, "));
		child_check(sheaf_alloc(pool, 4 << 20, &pieces[63]) == -ENOSPC);
		child_check(strstr(sheaf_message(), "sheaf_alloc needs 4194304 bytes of shared memory, "));
		/* What small tasks need, the control area has. */
		child_check(pool_works());
		while (n > 0)
			child_check(!sheaf_free(pool, pieces[--n]));
		child_check(pool_works());
	}
	child_check(!sheaf_alloc(pool, 1 << 20, (void **)&memory));
	memset(memory, 1, 1 << 20);
	sheaf_pool_destroy(pool);
	return 0;
}

Test(shm, that_fills_up_is_an_error_of_alloc)
{
	in_child(allocate_until_full, NULL);
}

static int submit_until_full(void *context)
{
	static unsigned char arg[100000];
	const sheaf_result *results;
	sheaf_batch *batch;
	uint64_t p = 0;
	size_t n;
	int r;

	(void)context;
	if (!mount_shm("size=2m,mode=1777", 0))
		return CHILD_SKIPS;
	child_check(!sheaf_pool_create(&pool, &small));
	/* Arguments, results, and the table of a batch. */
	for (int kind = 0; kind < 3; kind++) {
		child_check(!sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = kind == 1 ? 50000 : 0}));
		for (p = 0; !(r = sheaf_submit(batch, p, do_nothing, arg, kind ? 0 : sizeof(arg))); p++)
			;
		child_check(r == -ENOSPC && p > 5);
		child_check(strstr(sheaf_message(),
				   kind ? "the result table of a batch needs " : "the argument of a task needs 131072 "));
		child_check(sheaf_submit(batch, p, do_nothing, arg, kind ? 0 : sizeof(arg)) == -ENOSPC);
		/* What was accepted is done. */
		child_check(!sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
		child_check(n == p);
		child_check(pool_works());
		sheaf_batch_retire(batch);
		child_check(pool_works());
	}
	sheaf_pool_destroy(pool);
	return 0;
}

Test(shm, that_fills_up_is_an_error_of_submit)
{
	in_child(submit_until_full, NULL);
}

static int make_100000_bytes(sheaf_task *task, const void *arg, void *result)
{
	void *memory;
	int r = sheaf_task_result(task, 100000, &memory);

	(void)arg;
	(void)result;
	if (r)
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	memset(memory, 1, 100000);
	return 0;
}

static int fail_with_text(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_fail(task, -EDOM, "%0500d", 1);
}

static int results_until_full(void *context)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n, good = 0;
	int failed;

	(void)context;
	if (!mount_shm("size=2m,mode=1777", 0))
		return CHILD_SKIPS;
	child_check(!sheaf_pool_create(&pool, &small));
	child_check(!sheaf_batch_create(&batch, pool, NULL));
	for (uint64_t p = 0; p < 60; p++)
		child_check(!sheaf_submit(batch, p, make_100000_bytes, NULL, 0));
	failed = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	child_check(failed > 0 && failed < 60 && n == 60);
	for (size_t i = 0; i < n; i++) {
		good += !results[i].status;
		child_check(!results[i].status || results[i].status == -ENOSPC);
		/* There may have been room for the text, or not. */
		child_check(!results[i].status || strstr(results[i].message, "a result needs 131072 bytes of shared memory") ||
			    !strcmp(results[i].message, sheaf_strerror(-ENOSPC)));
		child_check(results[i].attempts == 1);
	}
	child_check(good + (size_t)failed == n && good > 5);
	child_check(pool_works());
	sheaf_batch_retire(batch);
	child_check(pool_works());

	/*
	 * A map whose failures have more text than there is memory: all that failed still counts as
	 * failed.
	 */
	child_check(!sheaf_batch_create(&batch, pool, NULL));
	child_check(!sheaf_submit_map(batch, fail_with_text, NULL, 0, NULL, 0, 10000, NULL));
	failed = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	child_check(failed == 10000 && n == 10000);
	for (size_t i = 0; i < n; i++)
		child_check(results[i].status == -EDOM || results[i].status == -ENOMEM);
	child_check(results[n - 1].status == -ENOMEM || results[0].status == -ENOMEM || results[n / 2].status == -ENOMEM);
	sheaf_batch_retire(batch);
	child_check(pool_works());
	sheaf_pool_destroy(pool);
	return 0;
}

Test(shm, that_fills_up_is_an_error_of_the_task)
{
	in_child(results_until_full, NULL);
}

static int map_until_full(void *context)
{
	static unsigned char large[3 << 20];
	void *all;
	int r;

	(void)context;
	if (!mount_shm("size=2m,mode=1777", 0))
		return CHILD_SKIPS;
	child_check(!sheaf_pool_create(&pool, &small));
	child_check(sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, 1 << 20, &(sheaf_map_options){.grain = 1}) == -ENOSPC);
	child_check(strstr(sheaf_message(), "the chunks of a map needs ") ||
		    strstr(sheaf_message(), "the chunks of a map need "));
	child_check(sheaf_for(pool, (sheaf_range_fn *)NULL, large, 5, NULL) == -EINVAL);
	r = sheaf_apply(pool, do_nothing, large, sizeof(large), NULL, 0, NULL);
	child_check(r == -ENOSPC && strstr(sheaf_message(), "the argument of a task needs 3145728 bytes"));
	r = sheaf_apply(pool, do_nothing, NULL, 0, large, sizeof(large), NULL);
	child_check(r == -ENOSPC && strstr(sheaf_message(), "the result table of a batch needs "));
	child_check(!sheaf_alloc(pool, 1 << 20, &all));
	child_check(pool_works());
	sheaf_pool_destroy(pool);
	return 0;
}

Test(shm, that_fills_up_is_an_error_of_maps_and_apply)
{
	in_child(map_until_full, NULL);
}

static int die_when_full(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_attempt(task) < 3 ? kill(getpid(), SIGKILL) : 0;
}

static int deaths_when_full(void *context)
{
	const sheaf_result *results;
	sheaf_batch *batch, *map;
	void *memory;
	size_t n;

	(void)context;
	if (!mount_shm("size=2m,mode=1777", 0))
		return CHILD_SKIPS;
	child_check(!sheaf_pool_create(&pool, &small));
	child_check(!sheaf_batch_create(&batch, pool, NULL));
	child_check(!sheaf_batch_create(&map, pool, &(sheaf_batch_options){.max_attempts = 1}));
	while (!sheaf_alloc(pool, 1, &memory))
		;
	for (uint64_t p = 0; p < 20; p++)
		child_check(!sheaf_submit(batch, p, die_when_full, NULL, 0));
	child_check(!sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
	child_check(n == 20);
	/* No memory to tell which position was given up: its chunk says so. */
	child_check(!sheaf_submit_map(map, die_when_full, NULL, 0, NULL, 0, 20, NULL));
	child_check(sheaf_gather(map, &results, &n, SHEAF_FOREVER) == 20);
	for (size_t i = 0; i < n; i++)
		child_check(results[i].status == -ENOMEM && strstr(results[i].message, "no memory left to tell which"));
	sheaf_pool_destroy(pool);
	return 0;
}

Test(shm, that_is_full_does_not_keep_the_dead_from_being_replaced)
{
	in_child(deaths_when_full, NULL);
}

#endif
