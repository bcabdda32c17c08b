/*
 * image.h - the segment of a live pool as bytes, with work in every state, and a file of that
 * content for others to inspect.
 */
#ifndef SHEAF_TESTS_FUZZ_IMAGE_H
#define SHEAF_TESTS_FUZZ_IMAGE_H

#include "segment/layout.h"

#include <stddef.h>

struct image {
	unsigned char *bytes; /* the beginning of the file; what follows is a hole */
	size_t size;
	struct shared_header header; /* a copy */
};

/*
 * Two workers: one runs a task, one is in the midst of a loop of @n positions in chunks of 1; tasks
 * wait. Up to 400 positions the chunk words lie in the batch's own slot, else in the heap.
 */
#define IMAGE_TASK 1000         /* its position */
#define IMAGE_WAITING 4         /* three tasks, and the other worker's invitation to the loop */
#define IMAGE_HALT(n) ((n) / 4) /* the loop's position in hand; all before are done, none behind */
void image_take(struct image *image, uint64_t n);

/*
 * A shared-memory object without content, whose name goes when the process ends by exit(). Its
 * descriptor.
 */
int file_create(const char *name);

/* Give the file the image's length and content, and nothing else. */
void file_fill(int fd, const struct image *image);

/* Write at an offset. */
void file_write(int fd, uint64_t offset, const void *bytes, size_t size);

#endif
