/*
 * news.c - the descriptor of a pool, for poll(): the pipe behind it, and which batches it is about.
 *
 * The workers write into the pipe, so it exists before the first of them is forked, and every
 * process of the family inherits it. What arming a batch means is in batch/arm.c.
 *
 * Order             The pipe is emptied before the batches are searched for the last time. A worker
 *                   claims the word of a batch before it writes. So what is written after the pipe
 *                   was emptied stays, and of what was written before the word tells.
 */
#include "pool/news.h"

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

int sheaf_pool_news(sheaf_pool *pool, sheaf_batch **batch)
{
	struct sheaf_batch *found;
	int r = pool_check_owner(pool, "sheaf_pool_news");
	bool over;

	if (r)
		return r;
	if (!batch)
		return sheaf_fail(-EINVAL, "sheaf_pool_news: batch is NULL");
	/* The owner need be in no other call, so its processes are looked after here. */
	over = member_look(&pool->member, false) != 0;
	found = batch_with_news(&pool->member, over);
	if (!found) {
		if (!news_open(&pool->segment))
			return fail_closed("sheaf_pool_news");
		os_drain(pool->segment.news[0].fd);
		found = batch_with_news(&pool->member, over);
	}
	if (!found)
		return 0;
	*batch = found;
	return 1;
}
