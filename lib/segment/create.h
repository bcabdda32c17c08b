/*
 * create.h - creates a segment, adds batch slots to it, and ends it.
 */
#ifndef SHEAF_SEGMENT_CREATE_H
#define SHEAF_SEGMENT_CREATE_H

#include "segment/plan.h"
#include "segment/segment.h"

/*
 * Create, map and lock a segment. The caller has checked the options. 0, or an error of
 * sheaf_pool_create() with its message.
 */
int segment_create(struct segment *segment, const struct segment_options *options);

/*
 * Free everything in every process: memory, mapping, name. For the owner alone, when its workers
 * are gone.
 */
void segment_destroy(struct segment *segment);

/* Unmap this process's view and nothing else. For a fork of the owner. */
void segment_detach(struct segment *segment);

/*
 * Commit some more batch slots, while this member has added fewer than batch_count. Other members
 * may do the same at once. For one thread of a member at a time. 0; -ENOSPC with its message:
 * shared memory is full.
 */
int segment_add_batches(struct segment *segment);

/*
 * Commit the rings of all priorities, and tell all members, unless this member has done so already.
 * As segment_add_batches().
 */
int segment_add_rings(struct segment *segment);

#endif
