/*
 * news.h - the pipe behind sheaf_pool_fd().
 */
#ifndef SHEAF_POOL_NEWS_H
#define SHEAF_POOL_NEWS_H

#include "pool/pool.h"

/* Make the pipe, before the workers start. 0, or -errno. */
int news_begin(struct segment *segment);
void news_end(struct segment *segment);

#endif
