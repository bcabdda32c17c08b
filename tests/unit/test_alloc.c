/*
 * test_alloc.c - shared memory for the owner: sheaf_alloc(), sheaf_alloc_array(), sheaf_free().
 */
#include <errno.h>

#include "pools.h"

static void set_up(void)
{
	begin();
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20});
}

TestSuite(alloc, .init = set_up, .fini = end);

static size_t used(void)
{
	sheaf_pool_info info;

	expect_done(sheaf_pool_get_info(pool, &info));
	return info.heap_used;
}

Test(alloc, gives_zeroed_aligned_memory)
{
	unsigned char *memory[3];
	static const size_t sizes[] = {1, 65536, 1000001};

	for (int i = 0; i < 3; i++) {
		expect_done(sheaf_alloc(pool, sizes[i], (void **)&memory[i]));
		cr_assert_eq((uintptr_t)memory[i] % 65536, 0);
		for (size_t b = 0; b < sizes[i]; b++)
			cr_assert_eq(memory[i][b], 0);
		memset(memory[i], 0xee, sizes[i]);
	}
	cr_assert_eq(used(), (1 + 1 + 16) * 65536);
	for (int i = 0; i < 3; i++)
		expect_done(sheaf_free(pool, memory[i]));
	cr_assert_eq(used(), 0);
}

Test(alloc, of_nothing_gives_pointers_of_their_own)
{
	void *a, *b;

	expect_done(sheaf_alloc(pool, 0, &a));
	expect_done(sheaf_alloc_array(pool, 0, 8, &b));
	cr_assert_not_null(a);
	cr_assert_not_null(b);
	cr_assert_neq(a, b);
	expect_done(sheaf_free(pool, a));
	expect_done(sheaf_free(pool, b));
}

static int write_own_address(sheaf_task *task, const void *arg, void *result)
{
	uintptr_t *at = *(uintptr_t *const *)arg;

	(void)task;
	*(uintptr_t *)result = at[0];
	at[1] = (uintptr_t)at;
	return 0;
}

Test(alloc, means_the_same_address_in_every_process)
{
	uintptr_t *at, seen;

	/* Allocated after the workers were forked. */
	expect_done(sheaf_alloc(pool, 2 * sizeof(*at), (void **)&at));
	at[0] = 4711;
	expect_done(sheaf_apply(pool, write_own_address, &at, sizeof(at), &seen, sizeof(seen), NULL));
	cr_assert_eq(seen, 4711);
	cr_assert_eq(at[1], (uintptr_t)at);
}

Test(alloc, refuses_a_size_that_does_not_fit)
{
	void *memory = &memory;

	expect_failure(sheaf_alloc(pool, SIZE_MAX, &memory), -EOVERFLOW,
		       "sheaf_alloc: " SIZE_MAX_TEXT " bytes do not fit the address space");
	expect_failure(sheaf_alloc(pool, SIZE_MAX - 65534, &memory), -EOVERFLOW, "do not fit the address space");
	expect_failure(sheaf_alloc_array(pool, SIZE_MAX / 8 + 1, 8, &memory), -EOVERFLOW,
		       "items of 8 bytes do not fit the address space");
	expect_failure(sheaf_alloc_array(pool, 3, SIZE_MAX / 2, &memory), -EOVERFLOW, "do not fit the address space");
	cr_assert_eq(memory, &memory);
}

Test(alloc, refuses_more_than_the_heap_has)
{
	void *memory = &memory, *all;

	expect_failure(sheaf_alloc(pool, (16 << 20) + 1, &memory), -ENOMEM,
		       "sheaf_alloc needs 16842752 bytes, which can never fit: the pool's heap has 16777216 bytes in all: "
		       "raise options.heap_size");
	expect_failure(sheaf_alloc(pool, SIZE_MAX - 65535, &memory), -ENOMEM, "can never fit");
	expect_done(sheaf_alloc(pool, 16 << 20, &all));
	expect_failure(sheaf_alloc(pool, 1, &memory), -ENOMEM,
		       "sheaf_alloc needs 65536 bytes in one piece, and the pool's heap of 16777216 bytes has none left: "
		       "free some, or raise options.heap_size");
	cr_assert_eq(memory, &memory);
	expect_done(sheaf_free(pool, all));
	expect_done(sheaf_alloc(pool, 1, &memory));
}

Test(alloc, refuses_to_free_what_it_did_not_give)
{
	unsigned char *memory, mine;
	char text[100];

	expect_done(sheaf_alloc(pool, 200000, (void **)&memory));
	snprintf(text, sizeof(text), "sheaf_free: %p is not an allocation of this pool", (void *)&mine);
	expect_failure(sheaf_free(pool, &mine), -EINVAL, text);
	expect_failure(sheaf_free(pool, (void *)8), -EINVAL, "is not an allocation of this pool");
	expect_failure(sheaf_free(pool, memory + 1), -EINVAL, "is not an allocation of this pool");
	expect_failure(sheaf_free(pool, memory + 65536), -EINVAL, "is not an allocation of this pool");
	expect_done(sheaf_free(pool, memory));
	expect_failure(sheaf_free(pool, memory), -EINVAL, "is not an allocation of this pool");
	expect_done(sheaf_free(pool, NULL));
}

/* It would be handed out again while the batch still uses it. */
Test(alloc, refuses_to_free_the_memory_of_a_batch)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 100000});
	size_t busy;
	sheaf_result result;
	unsigned char *at;

	expect_done(sheaf_submit(batch, 0, do_nothing, NULL, 0));
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	busy = used();
	at = (unsigned char *)result.data - (uintptr_t)result.data % 65536;
	expect_failure(sheaf_free(pool, at), -EINVAL, "is not an allocation of this pool");
	cr_assert_eq(used(), busy);
	sheaf_batch_retire(batch);
	cr_assert_eq(used(), 0);
}

Test(alloc, refuses_null)
{
	void *memory;

	expect_failure(sheaf_alloc(NULL, 1, &memory), -EINVAL, "sheaf_alloc: pool is NULL");
	expect_failure(sheaf_alloc(pool, 1, NULL), -EINVAL, "sheaf_alloc: memory is NULL");
	expect_failure(sheaf_alloc_array(NULL, 1, 1, &memory), -EINVAL, "pool is NULL");
	expect_failure(sheaf_alloc_array(pool, 1, 1, NULL), -EINVAL, "memory is NULL");
	expect_failure(sheaf_free(NULL, NULL), -EINVAL, "sheaf_free: pool is NULL");
}

Test(alloc, belongs_to_its_pool_alone)
{
	sheaf_pool *other;
	void *memory;
	int r;

	expect_done(sheaf_pool_create(&other, &(sheaf_pool_options){.workers = 1, .heap_size = 1 << 20}));
	expect_done(sheaf_alloc(other, 8, &memory));
	expect_failure(sheaf_free(pool, memory), -EINVAL, "is not an allocation of this pool");
	expect_failure(sheaf_map(pool, do_nothing, memory, 8, NULL, 0, 1, NULL), -EFAULT, "use sheaf_alloc()");
	r = sheaf_free(other, memory);
	sheaf_pool_destroy(other);
	expect_done(r);
}

Test(alloc, works_before_and_after_the_end_of_the_pool)
{
	void *memory;

	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_alloc(pool, 8, &memory));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	*(int *)memory = 1;
	expect_done(sheaf_free(pool, memory));
	expect_done(sheaf_pool_terminate(pool));
	expect_done(sheaf_alloc(pool, 8, &memory));
	expect_done(sheaf_free(pool, memory));
}

Test(alloc, of_many_pieces_does_not_lose_any)
{
	static void *pieces[200];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++) {
			expect_done(sheaf_alloc(pool, 1, &pieces[i]));
			*(int *)pieces[i] = i;
		}
		for (int i = 0; i < 200; i++)
			cr_assert_eq(*(int *)pieces[i], i);
		for (int i = 0; i < 200; i++)
			expect_done(sheaf_free(pool, pieces[(i * 7) % 200]));
	}
	cr_assert_eq(used(), 0);
}
