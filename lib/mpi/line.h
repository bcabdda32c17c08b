/*
 * line.h - results of collect that wait at the root for lower positions, and their use in order.
 */
#ifndef SHEAF_MPI_LINE_H
#define SHEAF_MPI_LINE_H

#include "mpi/job.h"

struct line;

/* NULL: no memory. */
struct line *line_open(void);
void line_close(struct line *line);

/*
 * Store bytes of a chunk's packed results. Its last ones complete it. 0; -ENOMEM; -EBADMSG: they
 * do not belong there.
 */
int line_store(struct line *line, const struct packet *packet, const void *bytes);

/* Forget what has come of a chunk that begins there, unless all of it has. */
void line_forget(struct line *line, uint64_t begin);

/*
 * Hand out what is next in order. Return what each() has returned; -EBADMSG: what has come is
 * damaged.
 */
int line_use(struct line *line, const struct job *job);

/* Bytes that wait; bytes that a position has on average. */
uint64_t line_bytes(const struct line *line);
uint64_t line_mean(const struct line *line);

#endif
