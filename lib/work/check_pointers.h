/*
 * check_pointers.h - finds pointers in an argument that workers cannot follow. For SHEAF_CHECK.
 */
#ifndef SHEAF_WORK_CHECK_POINTERS_H
#define SHEAF_WORK_CHECK_POINTERS_H

#include "segment/segment.h"

/* What this process had mapped when the pool was created, so that workers have it, too. */
struct check_memory;

/*
 * Note what is mapped now. NULL: there is no memory, or the system does not tell: then no pointer
 * is checked.
 */
struct check_memory *check_remember(void);
void check_forget(struct check_memory *memory);

/*
 * Search the bytes for addresses that no worker has. @call, @what: for the message. Return: 0;
 * -EFAULT with its message.
 */
int check_pointers(const struct check_memory *memory, const struct segment *segment, const char *call, const char *what,
		   const void *bytes, size_t size);

#endif
