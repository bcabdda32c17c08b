/*
 * file_id.h - what tells a file from later ones with its descriptor's number.
 *
 * Every function returns 0 or -errno unless its comment says otherwise.
 */
#ifndef SHEAF_OS_FILE_ID_H
#define SHEAF_OS_FILE_ID_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * What tells a file from all others, so that a descriptor's number can be checked before it is
 * believed: a host may close and reuse it.
 */
struct os_file_id {
	dev_t device;
	ino_t inode;
};

/* Note which file @fd is. 0, or -errno. */
int os_file_note(int fd, struct os_file_id *id);

/*
 * Tell whether @fd is open and still that file. Ask before each close, lock, cut or write by
 * number.
 */
bool os_file_is(int fd, const struct os_file_id *id);

/*
 * Close @fd if it still is that file. Else it is closed already, and the number is somebody else's.
 */
void os_file_close(int fd, const struct os_file_id *id);

/*
 * Write the name of the file that a path leads to, as every process knows it: absolute, and not by
 * way of what is a process's own. @resolved: PATH_MAX bytes. False: it has none, or not now.
 */
bool os_file_resolve(const char *path, char *resolved);

#endif
