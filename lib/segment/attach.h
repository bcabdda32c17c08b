/*
 * attach.h - maps a segment in another process than its owner's and their forks.
 */
#ifndef SHEAF_SEGMENT_ATTACH_H
#define SHEAF_SEGMENT_ATTACH_H

#include "os/process_id.h"
#include "segment/segment.h"

/*
 * Open the segment of that name and map it where its owner has it. A process that has done so gets
 * the same mapping again. 0, or an error of sheaf_pool_attach() with its message.
 */
int segment_attach(struct segment *segment, const char *name);

/* Give the mapping and the file up, unless another segment of this process has them, too. */
void segment_leave(struct segment *segment);

/*
 * Tell whether the owner still has the pool. @owner: as the header told it. @since_ns: 0 at first,
 * kept by the caller. For a process that has joined.
 */
bool segment_has_owner(struct segment *segment, const struct os_process_id *owner, uint64_t *since_ns);

#endif
