/*
 * sheaf_trace.h - a timeline of a pool: which task ran when, in which worker, in which attempt, and
 * when workers waited.
 *
 * Use       Set SHEAF_TRACE=FILE in the environment of a program, or options.tracing. When the pool
 *           is destroyed, or its owner has died, the file is written. Open it in ui.perfetto.dev or
 *           chrome://tracing. (howto/see-a-timeline.md)
 *
 * Contents  A row for each process that was a worker, for each program that has joined, and for the
 *           owner. An event for each submission, for each run of a task, for each time that a
 *           worker slept because it found none, and for the end of a worker. Items of a map, and
 *           ranges of a loop, that follow each other share an event, until it has taken 0.1 ms. The
 *           arguments of an event are:
 *             position, count  the positions first, first + 1, ...
 *             batch, attempt   1 is the first attempt
 *             stolen           a member took it from the share of another one
 *             inside           it ran inside of a task that waited
 *             status           what the function returned, if that is not 0
 *             died             its worker died in it; the end shown is when that was noticed
 *             unfinished       it ran when the file was written, or when everybody was killed
 *
 * Cost      Of a pool that is not traced: none. Of one that is: some 0.3 us for each submitted
 *           task, 0.06 us for each item of a map and each range of a loop, and 64 bytes of shared
 *           memory for each record, which are committed when the pool is created. Each worker keeps
 *           its newest records.
 *
 * Deaths    The records are in the segment. So a worker that is killed leaves all of its own, and a
 *           pool whose processes are all killed can still be saved by its name, until another pool
 *           takes the dead one away: one of the same name; or, if its name was made up, the next
 *           one of the same user. So give it an options.name if you expect that.
 *
 * Returns   As in sheaf.h: 0, or -errno, and sheaf_message() says what went wrong.
 */
#ifndef SHEAF_TRACE_H
#define SHEAF_TRACE_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * sheaf_tracing - options.tracing of sheaf_pool_create(); copied
 *
 * SHEAF_TRACE in the environment comes before @file. In both, "%p" stands for the owner's pid. If
 * one process creates several pools by SHEAF_TRACE, the second writes to FILE-2, the third to
 * FILE-3, in front of an ending such as ".json".
 *
 * sheaf_pool_create() returns -EINVAL if records is above its limit, and -ENOENT, -EACCES, -EROFS,
 * -ENOSPC, -EIO, -ENAMETOOLONG, -ENOTSUP (no regular file has that name) and others of open() and
 * getcwd() if the file cannot be made.
 */
typedef struct sheaf_tracing {
	const char *file; /* written when the pool ends; NULL: only sheaf_trace_save() writes one */
	unsigned records; /* that each member keeps; 0: 16384; 2^k from 64, to 2^20 */
} sheaf_tracing;

/**
 * sheaf_trace_save() - write what a pool has recorded so far, while it works or after its death
 * @name: of its segment, as from sheaf_inspect_list() or sheaf_pool_get_info(); it belongs to the
 *        same user
 * @file: to write; one of that name is replaced when the new one is whole
 *
 * Any process may call it, and any of its threads; no signal handler. The pool does not notice.
 *
 * Return: 0; -EINVAL (NULL, an impossible name, or the pool is not traced); an error of
 *         sheaf_inspect_open(); -ESTALE (the pool was destroyed meanwhile); -ENOENT, -EACCES,
 *         -ENOSPC, -EDQUOT, -EIO, -ENAMETOOLONG, -ENOTSUP (no regular file has that name) and
 *         others of writing a file: then what had that name is as before.
 */
SHEAF_API int sheaf_trace_save(const char *name, const char *file);

#ifdef __cplusplus
}
#endif

#endif
