/*
 * sync.h - makes files survive a power cut.
 */
#ifndef SHEAF_OS_SYNC_H
#define SHEAF_OS_SYNC_H

/* Wait until the bytes of a file, and its length, are on the disk. 0, or -errno. */
int os_sync(int fd);

/*
 * Wait until the name of a file is on the disk, by way of its folder. 0, also where the file system
 * has nothing to wait for; -ENAMETOOLONG; -errno.
 */
int os_sync_name(const char *path);

#endif
