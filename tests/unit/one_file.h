/*
 * one_file.h - what the tests of files share: one file for each test.
 */
#ifndef SHEAF_TESTS_UNIT_ONE_FILE_H
#define SHEAF_TESTS_UNIT_ONE_FILE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[128];

/* Make it, empty. The test unlinks it in the end. */
static inline void make_file(void)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	snprintf(path, sizeof(path), "%.100s/sheaf-unit-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	close(fd);
}

/* Have these bytes in it. */
static inline void fill_file(const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

#endif
