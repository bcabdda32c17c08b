/*
 * news.c - the descriptor of a pool, for poll(): the pipe behind it, and which batches it is about.
 *
 * The workers write into the pipe, so it exists before the first of them is forked, and every
 * process of the family inherits it. What arming a batch means is in batch/arm.c.
 *
 * Order             The pipe is emptied before the batches are searched for the last time. A worker
 *                   claims the word of a batch before it writes. So what is written after the pipe
 *                   was emptied stays, and of what was written before the word tells. The
 *                   supervisor counts a death before it writes, and the count is read after the
 *                   pipe was emptied: the same order.
 */
#include "pool/news.h"

#include "base/atomic.h"
#include "base/error.h"
#include "batch/arm.h"
#include "os/os.h"
#include "queue/bell.h"

#include <errno.h>

int news_begin(struct segment *segment)
{
	int r = forks_pipe(&segment->news[1], &segment->news[0]);

	if (r)
		return r;
	os_never_wait(segment->news[0].fd);
	os_never_wait(segment->news[1].fd);
	return 0;
}

void news_end(struct segment *segment)
{
	forks_close(&segment->news[0]);
	forks_close(&segment->news[1]);
}

static int fail_closed(const char *call)
{
	return sheaf_fail(-EBADF,
			  "%s: this process has closed the pool's descriptor, as closefrom() does: create pools after "
			  "that, or keep their descriptors open",
			  call);
}

int sheaf_pool_fd(sheaf_pool *pool)
{
	int r = pool_check_owner(pool, "sheaf_pool_fd");

	if (r)
		return r;
	return news_open(&pool->segment) ? pool->segment.news[0].fd : fail_closed("sheaf_pool_fd");
}

/* Are there deaths of which the owner wants to know, and was not told? They are told now. */
static bool has_deaths(struct sheaf_pool *pool)
{
	/* Relaxed, both: the pipe hands the first over. A thread that tells less does no harm. */
	uint64_t deaths = load_relaxed(&pool->segment.control->deaths), told = load_relaxed(&pool->deaths_told);

	return pool->tells_deaths && deaths != told && cas_relaxed(&pool->deaths_told, &told, deaths);
}

int sheaf_pool_news(sheaf_pool *pool, sheaf_batch **batch)
{
	struct sheaf_batch *found;
	int r = pool_check_owner(pool, "sheaf_pool_news");
	bool over, deaths;

	if (r)
		return r;
	if (!batch)
		return sheaf_fail(-EINVAL, "sheaf_pool_news: batch is NULL");
	/* The owner need be in no other call, so its processes are looked after here. */
	over = member_look(&pool->member, false) != 0;
	deaths = has_deaths(pool);
	found = deaths ? NULL : batch_with_news(&pool->member, over);
	if (!found && !deaths) {
		if (!news_open(&pool->segment))
			return fail_closed("sheaf_pool_news");
		os_drain(pool->segment.news[0].fd);
		deaths = has_deaths(pool);
		found = deaths ? NULL : batch_with_news(&pool->member, over);
	}
	if (!found && !deaths)
		return 0;
	*batch = found;
	return 1;
}
