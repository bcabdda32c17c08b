/*
 * replace.h - writes a file anew, so that what has its name is always whole: first FILE.part, then
 * a rename. Takes no memory from malloc() and no locks.
 */
#ifndef SHEAF_OS_REPLACE_H
#define SHEAF_OS_REPLACE_H

#include <limits.h>
#include <stddef.h>

/*
 * Make the part anew, next to the file that it will be. @part: out, PATH_MAX bytes: its name.
 * Return a descriptor to write to, or -errno: -ENAMETOOLONG; -EISDIR, -ENOTSUP: the name stands for
 * a folder, or for no regular file; and those of open(). A symbolic link is replaced, not followed.
 */
int os_replace_begin(const char *path, char *part);

/* Write all bytes. 0; -EFBIG, without a signal; -errno. */
int os_replace_write(int fd, const void *bytes, size_t size);

/*
 * Close the part. Give it the name of the file, unless something went wrong before: @error. Then,
 * or if that fails, remove it. 0, or -errno.
 */
int os_replace_end(int fd, const char *part, const char *path, int error);

/* Say for a message why os_replace_begin() has failed. */
const char *os_replace_why(int code);

#endif
