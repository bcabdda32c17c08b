/*
 * files.h - opens and reads files so that nothing that lies there, or changes, takes the caller by
 * surprise.
 */
#ifndef SHEAF_OS_FILES_H
#define SHEAF_OS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Open a file without waiting for whatever its name stands for, such as a FIFO, and without taking
 * a terminal over. @flags: how, as of open(); what O_CREAT makes has mode 0666, less the umask. The
 * descriptor, which exec() closes; -errno, never -EINTR.
 */
int os_open(const char *path, int flags);

/*
 * Read without mapping, so that a file that is cut meanwhile is an error and no signal. Holes read
 * as zero and stay holes. 0; -ENODATA: the file ends before; -errno.
 */
int os_read_at(int fd, uint64_t offset, void *bytes, size_t size);

/*
 * Tell how long this process may make a file. A write beyond brings a signal. UINT64_MAX: there is
 * no limit.
 */
uint64_t os_file_limit(void);

/* Tell whether it may write @size bytes from there on. */
bool os_file_fits(uint64_t from, uint64_t size);

#endif
