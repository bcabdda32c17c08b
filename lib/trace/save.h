/*
 * save.h - writes what a pool's segment has of its trace to a file, as a Chrome trace.
 */
#ifndef SHEAF_TRACE_SAVE_H
#define SHEAF_TRACE_SAVE_H

#include "segment/layout.h"
#include "segment/segment.h"

/* Where the bytes of a segment come from. */
struct trace_source {
	/* Copy bytes of it. 0, or -errno. */
	int (*copy)(const void *context, uint64_t offset, void *bytes, size_t size);
	const void *context;
	struct shared_header header; /* checked: all offsets lie inside the segment */
	uint64_t now_ns;             /* its tasks may still run; 0: all of its processes are dead */
};

/*
 * Write the file anew, or leave what has that name as it is. Takes no memory from malloc() and no
 * locks, so a process that was forked from a program with threads may do it. 0; -errno of opening,
 * writing or renaming a file, or of copy().
 */
int trace_save(const struct trace_source *source, const char *path);

/* Do so from a segment that is mapped here, to its own file. 0 also if it has none. */
int trace_save_own(const struct segment *segment);

#endif
