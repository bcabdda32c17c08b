/*
 * test_array.c - arrays: shapes, views, copies into other types, and files that are read again.
 */
#define _GNU_SOURCE
#include "pools.h"

#include "sheaf_data.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static void prepare(void)
{
	int fd;

	strcpy(path, "/tmp/sheaf-array-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	close(fd);
	begin();
	start_workers(2);
}

static void stop(void)
{
	end();
	unlink(path);
}

TestSuite(array, .init = prepare, .fini = stop);

static sheaf_array create(enum sheaf_number type, size_t item_size, unsigned dimensions, const size_t *shape)
{
	sheaf_array array;

	expect_done(sheaf_array_create(&array, pool, type, item_size, dimensions, shape));
	return array;
}

/* 0, 1, 2, ... in C order. */
static sheaf_array numbered(unsigned dimensions, const size_t *shape)
{
	sheaf_array array = create(SHEAF_I32, 0, dimensions, shape);

	for (size_t i = 0; i < sheaf_array_count(&array); i++)
		((int32_t *)array.data)[i] = (int32_t)i;
	return array;
}

static int32_t at(const sheaf_array *array, size_t i, size_t j, size_t k)
{
	return *(const int32_t *)sheaf_array_at(array, (size_t[]){i, j, k});
}

static void give_back(sheaf_array *array)
{
	expect_done(sheaf_array_free(array, pool));
	cr_assert_null(array->data);
}

/* ---- shapes ---- */

Test(array, has_strides_in_c_order_and_zeroed_items)
{
	sheaf_array array = create(SHEAF_F64, 0, 3, (size_t[]){2, 3, 4});

	cr_assert(array.strides[0] == 96 && array.strides[1] == 32 && array.strides[2] == 8 && array.item_size == 8);
	cr_assert(sheaf_array_count(&array) == 24 && sheaf_array_is_contiguous(&array));
	for (size_t i = 0; i < 24; i++)
		cr_assert_eq(((double *)array.data)[i], 0);
	give_back(&array);
	array = create(SHEAF_BYTES, 5, 0, NULL);
	cr_assert(sheaf_array_count(&array) == 1 && array.item_size == 5);
	give_back(&array);
	array = create(SHEAF_U8, 0, 2, (size_t[]){0, 7});
	cr_assert(sheaf_array_count(&array) == 0 && sheaf_array_is_contiguous(&array));
	give_back(&array);
}

Test(array, cannot_be_what_does_not_fit)
{
	sheaf_array array = {0};
	size_t huge[] = {SIZE_MAX / 4, 3}, many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, empty[] = {SIZE_MAX / 2, 0};

	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 0, 2, huge), -EOVERFLOW, "does not fit in memory");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 0, 2, empty), -EOVERFLOW, "does not fit in memory");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 0, 9, many), -EINVAL, "dimensions is 9, at most 8");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 4, 1, many), -EINVAL,
		       "item_size is 4, and the type has 8 bytes");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_EXACT, 0, 1, many), -EINVAL, "type is 6, which no array has");
	expect_failure(sheaf_array_create(&array, pool, (enum sheaf_number)99, 0, 1, many), -EINVAL, "type is 99");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 0, 1, NULL), -EINVAL, "shape is NULL");
	expect_failure(sheaf_array_create(NULL, pool, SHEAF_F64, 0, 1, many), -EINVAL, "array is NULL");
	expect_failure(sheaf_array_view(&array, NULL, SHEAF_F64, 0, 1, many), -EINVAL, "data is NULL");
	cr_assert_null(array.data);
}

/* ---- views ---- */

Test(array, slices_show_items_in_steps_forwards_and_backwards)
{
	sheaf_array array = numbered(3, (size_t[]){4, 5, 6}), view;

	expect_done(sheaf_array_slice(&view, &array, 1, 1, 2, 3));
	cr_assert(view.shape[1] == 2 && !view.memory && !sheaf_array_is_contiguous(&view));
	cr_assert(at(&view, 3, 0, 5) == at(&array, 3, 1, 5) && at(&view, 3, 1, 5) == at(&array, 3, 4, 5));
	expect_done(sheaf_array_slice(&view, &view, 2, 5, 6, -1));
	cr_assert(at(&view, 2, 1, 0) == at(&array, 2, 4, 5) && at(&view, 2, 1, 5) == at(&array, 2, 4, 0));
	expect_done(sheaf_array_slice(&view, &array, 0, 2, 7, 0));
	cr_assert(view.shape[0] == 7 && at(&view, 6, 4, 5) == at(&array, 2, 4, 5));
	expect_done(sheaf_array_slice(&view, &array, 0, 99, 0, 1));
	cr_assert_eq(sheaf_array_count(&view), 0);
	expect_failure(sheaf_array_slice(&view, &array, 1, 3, 3, 1), -EINVAL,
		       "3 items from 3 on by 1 do not lie in a dimension of 5");
	expect_failure(sheaf_array_slice(&view, &array, 1, 3, 5, -1), -EINVAL, "do not lie");
	expect_failure(sheaf_array_slice(&view, &array, 1, 0, SIZE_MAX, PTRDIFF_MAX), -EINVAL, "do not lie");
	expect_failure(sheaf_array_slice(&view, &array, 3, 0, 1, 1), -EINVAL, "dimension is 3, and the array has 3");
	give_back(&array);
}

Test(array, transposes_and_reshapes_copy_nothing)
{
	sheaf_array array = numbered(3, (size_t[]){2, 3, 4}), view;

	expect_done(sheaf_array_transpose(&view, &array, NULL));
	cr_assert(view.shape[0] == 4 && view.shape[2] == 2 && at(&view, 3, 1, 0) == at(&array, 0, 1, 3));
	expect_done(sheaf_array_transpose(&view, &array, (unsigned[]){1, 0, 2}));
	cr_assert(view.shape[0] == 3 && at(&view, 2, 1, 3) == at(&array, 1, 2, 3));
	expect_failure(sheaf_array_reshape(&view, &view, 1, (size_t[]){24}), -EINVAL, "not contiguous");
	expect_failure(sheaf_array_transpose(&view, &array, (unsigned[]){1, 1, 2}), -EINVAL,
		       "axes[1] is 1, which is there before");
	expect_failure(sheaf_array_transpose(&view, &array, (unsigned[]){1, 3, 2}), -EINVAL, "no dimension");
	expect_done(sheaf_array_reshape(&view, &array, 2, (size_t[]){8, 3}));
	cr_assert(*(int32_t *)sheaf_array_at(&view, (size_t[]){7, 2}) == 23 && view.data == array.data);
	expect_failure(sheaf_array_reshape(&view, &array, 2, (size_t[]){8, 4}), -EINVAL, "which has 24");
	give_back(&array);
}

/* ---- files ---- */

Test(array, what_is_saved_is_loaded_again)
{
	static const size_t shapes[][3] = {{4, 5, 6}, {1, 1, 1}, {0, 3, 2}, {300, 7, 11}};
	sheaf_array array, view, back;

	for (size_t s = 0; s < 4; s++)
		for (int way = 0; way < 3; way++) {
			array = numbered(3, shapes[s]);
			view = array;
			if (way == 1)
				expect_done(sheaf_array_transpose(&view, &array, NULL));
			if (way == 2 && shapes[s][1] > 1)
				expect_done(sheaf_array_slice(&view, &array, 1, shapes[s][1] - 1, shapes[s][1] - 1, -1));
			expect_done(sheaf_array_save(&view, path));
			expect_done(sheaf_array_load(&back, pool, path, NULL));
			cr_assert(back.dimensions == 3 && back.type == SHEAF_I32 &&
				  !memcmp(back.shape, view.shape, 3 * sizeof(size_t)));
			for (size_t i = 0; i < view.shape[0]; i++)
				for (size_t j = 0; j < view.shape[1]; j++)
					for (size_t k = 0; k < view.shape[2]; k++)
						cr_assert_eq(at(&back, i, j, k), at(&view, i, j, k));
			give_back(&back);
			give_back(&array);
		}
}

Test(array, headers_are_as_numpy_writes_them)
{
	sheaf_array array = create(SHEAF_F64, 0, 2, (size_t[]){3, 2});
	unsigned char bytes[256];
	struct stat status;
	int fd;

	expect_done(sheaf_array_save(&array, path));
	fd = open(path, O_RDONLY);
	cr_assert(fstat(fd, &status) == 0 && status.st_size == 128 + 48);
	cr_assert_eq(read(fd, bytes, sizeof(bytes)), 176);
	close(fd);
	cr_assert_eq(memcmp(bytes, "\x93NUMPY\x01\0\x76\0{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }  ", 71),
		     0);
	cr_assert_eq(bytes[127], '\n');
	give_back(&array);
}

Test(array, a_file_that_cannot_be_written_stays_as_it_was)
{
	sheaf_array array = create(SHEAF_F64, 0, 1, (size_t[]){100000});
	char missing[80], part[80];
	struct rlimit limit;
	FILE *file = fopen(path, "w");

	cr_assert(file && fputs("old", file) >= 0 && !fclose(file));
	getrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 1000, .rlim_max = limit.rlim_max});
	expect_failure(sheaf_array_save(&array, path), -EFBIG, path);
	setrlimit(RLIMIT_FSIZE, &limit);
	file = fopen(path, "r");
	cr_assert(file && fgets(missing, sizeof(missing), file) && !fclose(file));
	cr_assert_str_eq(missing, "old");
	snprintf(part, sizeof(part), "%s.part", path);
	cr_assert_eq(access(part, F_OK), -1);
	snprintf(missing, sizeof(missing), "%s/none", path);
	expect_failure(sheaf_array_save(&array, missing), -ENOTDIR, missing);
	expect_failure(sheaf_array_save(&array, NULL), -EINVAL, "path is NULL");
	expect_failure(sheaf_array_save(NULL, path), -EINVAL, "array is NULL");
	give_back(&array);
}

