/*
 * reader.h - reads a segment by its name, from outside of its pool, and takes its bytes for
 * hostile.
 */
#ifndef SHEAF_SEGMENT_READER_H
#define SHEAF_SEGMENT_READER_H

#include "segment/segment.h"

/* Private. Does not change after reader_open(), so any number of threads may read. */
struct reader {
	char name[NAME_MAX];
	int fd;       /* -1: the segment is this process's own, and borrowed for each read */
	dev_t device; /* with the inode: tells whether a borrowed segment still is the same */
	ino_t inode;
	unsigned forks; /* forks_count() when it was opened */
	/*
	 * Checked: every part lies inside the file, in order, and all counts are within their
	 * limits.
	 */
	struct shared_header header;
};

/* What the system, and not the segment's bytes, says of it. */
struct reader_facts {
	bool owner_lives;
	pid_t owner;        /* while it lives; 0: not to be told from here */
	uint64_t committed; /* bytes of memory that the file takes */
};

/*
 * Open the segment of that name and check its header. 0, or an error of sheaf_inspect_open() with
 * its message.
 */
int reader_open(struct reader *reader, const char *name);

/*
 * Check the header of the file, which is open as @fd and has the reader's name. 0, or an error of
 * sheaf_inspect_open() with its message.
 */
int reader_check(struct reader *reader, int fd);

/* Store the message for a name that cannot be opened, by its error. */
int reader_fail_open(const char *name, int code);

void reader_close(struct reader *reader);

/*
 * Ask the system. 0, or an error of sheaf_inspect_look() with its message, also if the file has
 * another size by now.
 */
int reader_look(const struct reader *reader, struct reader_facts *facts);

/* Copy bytes of the segment. 0, or an error of sheaf_inspect_look() with its message. */
int reader_copy(const struct reader *reader, uint64_t offset, void *bytes, size_t size);

#endif
