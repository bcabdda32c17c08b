/*
 * claim.h - files that this process has open as a journal or a cache, each once.
 *
 * Record locks are a process's: it never finds its own, and loses them when it closes any
 * descriptor of the file. So it must know before it opens one that it has.
 */
#ifndef SHEAF_RESUME_CLAIM_H
#define SHEAF_RESUME_CLAIM_H

#include <stdbool.h>

struct stat;

/*
 * Open the file, or make it, without waiting, above descriptor 2, and claim it.
 * @created, @claim, @status: out. The descriptor; -EBUSY: this process has claimed it; -EMFILE:
 * there are too many claims; -ENOTSUP: it is no regular file; -errno.
 */
int claim_open(const char *path, bool *created, int *claim, struct stat *status);

/* Give a claim back, once the descriptor is closed. */
void claim_drop(int claim);

#endif
