/*
 * pool.c - the owner's handle of a pool: its memory, and which process may use it.
 */
#include "pool/pool.h"

#include "base/error.h"
#include "work/check_pointers.h"

#include <errno.h>
#include <stddef.h>

#define FIRST_POOLS 8 /* more than most programs have at once */

static struct sheaf_pool first_pools[FIRST_POOLS];
static struct handles pool_handles = {
	.size = sizeof(struct sheaf_pool),
	.link = offsetof(struct sheaf_pool, next_dead),
	.first = (unsigned char *)first_pools,
	.first_count = FIRST_POOLS,
};

int pool_check(const sheaf_pool *pool, const char *call)
{
	if (!pool)
		return sheaf_fail(-EINVAL, "%s: pool is NULL", call);
	/* As batch_check(). */
	if (handles_in_task && !pool_exists(pool))
		return member_refuse_task();
	return member_check_process(&pool->member);
}

int pool_check_owner(const sheaf_pool *pool, const char *call)
{
	int r = pool_check(pool, call);

	if (!r && pool->member.attached)
		return sheaf_fail(-EPERM, "%s: only the process that created the pool may do that, not one that has joined it",
				  call);
	if (!r && (member_is_task(&pool->member) || member_is_inside(&pool->segment)))
		return sheaf_fail(-EPERM, "%s: only the process that created the pool may do that, not a task of it", call);
	return r;
}

bool pool_exists(const sheaf_pool *pool)
{
	return handles_hold(&pool_handles, pool);
}

struct sheaf_pool *pool_take_memory(void)
{
	struct sheaf_pool *pool = handles_take(&pool_handles);

	if (pool)
		*pool = (struct sheaf_pool){.member.forks = MEMBER_DEAD};
	return pool;
}

void pool_give_memory(struct sheaf_pool *pool)
{
	check_forget(pool->member.memory);
	*pool = (struct sheaf_pool){.member.forks = MEMBER_DEAD};
	handles_keep(&pool_handles, pool);
}
