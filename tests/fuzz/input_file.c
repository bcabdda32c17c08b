/*
 * input_file.c - writes an input to a file.
 */
#include "input_file.h"

#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void input_save(const char *folder, const char *name, uint64_t number, const void *head, size_t head_size, const void *bytes,
		size_t size)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s-%llu", folder, name, (unsigned long long)number);
	file = fopen(path, "w");
	CHECK(file, "%s: %s", path, strerror(errno));
	CHECK((!head_size || fwrite(head, 1, head_size, file) == head_size) && fwrite(bytes, 1, size, file) == size &&
		      !fclose(file),
	      "%s: %s", path, strerror(errno));
}
