/*
 * record_write.h - writes the bytes of record.h to a file, behind one another.
 */
#ifndef SHEAF_RESUME_RECORD_WRITE_H
#define SHEAF_RESUME_RECORD_WRITE_H

#include "resume/record.h"

/* Have the file end there, and write on from there. 0; -errno. */
int record_cut(int fd, uint64_t end);

/*
 * Write a header with a new nonce to an empty file, or one that has nothing worth keeping, and sync
 * it. @file: its descriptor, kind and identity; its nonce is set. 0; -EFBIG; -errno.
 */
int record_begin(struct record_file *file);

/* Write a record where the last write to the file ended, which is its offset. 0; -EFBIG; -errno. */
int record_write(const struct record_file *file, const struct record *record, const void *payload);

#endif
