/*
 * test_file.c - arrays that are files: mapped, made in place, appended to, in archives, and in
 * named shared memory; and what each backend's tasks see of them.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pools.h"
#include "sheaf_file.h"
#include "sheaf_resume.h"
#include "sheaf_table.h"
#include "support/first_thread.h"

#define ROWS 1000
#define COLUMNS 3

static char folder[64], path[128], other[128];

static void set_up(void)
{
	begin();
	strcpy(folder, "/tmp/sheaf-file-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/array.npy", folder);
	snprintf(other, sizeof(other), "%s/other.npy", folder);
}

static void tear_down(void)
{
	char command[128];

	end();
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(file, .init = set_up, .fini = tear_down);

static void start_backend(enum sheaf_backend backend)
{
	start(&(sheaf_pool_options){.workers = backend == SHEAF_INLINE ? 0 : 2, .backend = backend, .heap_size = 64 << 20});
}

/* An .npy file of the numbers from @first on, in rows. */
static void write_numbers(const char *file, size_t rows, double first)
{
	const size_t shape[] = {rows, COLUMNS};
	double *numbers = malloc((rows * COLUMNS + 1) * sizeof(*numbers));
	sheaf_array array;

	for (size_t i = 0; i < rows * COLUMNS; i++)
		numbers[i] = first + (double)i;
	expect_done(sheaf_array_view(&array, numbers, SHEAF_F64, 0, 2, shape));
	expect_done(sheaf_array_save(&array, file));
	free(numbers);
}

/* Add one to each number of some rows. */
static int add_one(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const sheaf_array *array = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		for (size_t j = 0; j < COLUMNS; j++)
			*(double *)sheaf_array_at(array, (size_t[]){i, j}) += 1;
	return 0;
}

/* Check that the numbers of an array count from @first on. */
static int check_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct expected {
		sheaf_array array;
		double first;
	} *expected = context;

	for (size_t i = begin; i < end; i++)
		for (size_t j = 0; j < expected->array.shape[1]; j++) {
			double found = *(double *)sheaf_array_at(&expected->array, (size_t[]){i, j});

			if (found != expected->first + (double)(i * COLUMNS + j))
				return sheaf_task_fail(task, -EILSEQ, "item %zu, %zu is %g", i, j, found);
		}
	return 0;
}

static int count_from(const sheaf_array *array, double first)
{
	struct {
		sheaf_array array;
		double first;
	} expected = {*array, first};

	return sheaf_for(pool, check_rows, &expected, array->shape[0], &(sheaf_map_options){.context_size = sizeof(expected)});
}

/* Only once, and not on after the first death: a row that kills would kill again. */
static int run_rows(sheaf_range_fn *fn, sheaf_array *array)
{
	return sheaf_for(
		pool, fn, array, array->shape[0],
		&(sheaf_map_options){.context_size = sizeof(*array), .max_attempts = 1, .on_error = SHEAF_CANCEL_REST});
}

/* ---- mapping ---- */

static void map_and_change(enum sheaf_backend backend)
{
	sheaf_array array, loaded;

	start_backend(backend);
	write_numbers(path, ROWS, 0);
	expect_done(sheaf_array_map(&array, pool, path, NULL));
	cr_assert(array.type == SHEAF_F64 && array.dimensions == 2 && array.shape[0] == ROWS && array.shape[1] == COLUMNS);
	expect_done(count_from(&array, 0));
	expect_done(sheaf_array_free(&array, pool));
	cr_assert_null(array.data);
	expect_done(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.access = SHEAF_READ_WRITE}));
	expect_done(run_rows(add_one, &array));
	expect_done(count_from(&array, 1));
	cr_assert_eq(*(double *)array.data, 1);
	expect_done(sheaf_array_load(&loaded, pool, path, NULL));
	expect_done(count_from(&loaded, 1));
	expect_done(sheaf_array_free(&loaded, pool));
	expect_done(sheaf_array_free(&array, pool));
}

Test(file, tasks_use_what_is_mapped_later)
{
	map_and_change(SHEAF_PROCESSES);
}

Test(file, threads_and_the_caller_do_so_too)
{
	map_and_change(SHEAF_THREADS);
	sheaf_pool_destroy(pool);
	pool = NULL;
	map_and_change(SHEAF_INLINE);
}

Test(file, a_copy_on_write_changes_no_file)
{
	sheaf_array array, again;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, ROWS, 0);
	expect_done(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.access = SHEAF_COPY_ON_WRITE}));
	*(double *)array.data = 77;
	expect_done(sheaf_array_map(&again, pool, path, NULL));
	cr_assert_eq(*(double *)again.data, 0);
	/* The workers have not seen it either. */
	expect_done(count_from(&array, 0));
	expect_done(run_rows(add_one, &array));
	expect_done(count_from(&again, 0));
	expect_done(sheaf_array_free(&array, pool));
	expect_done(sheaf_array_free(&again, pool));
}

Test(file, what_may_be_read_alone_cannot_be_written)
{
	sheaf_array array;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, ROWS, 0);
	expect_done(sheaf_array_map(&array, pool, path, NULL));
	cr_assert_eq(run_rows(add_one, &array), -ECHILD);
	cr_assert_not_null(strstr(sheaf_message(), "signal 11"), "%s", sheaf_message());
	expect_done(count_from(&array, 0));
	expect_done(sheaf_array_free(&array, pool));
}

static int check_nested(sheaf_task *task, const void *arg, void *result)
{
	sheaf_array array;

	(void)result;
	memcpy(&array, arg, sizeof(array));
	return sheaf_for(sheaf_task_pool(task), add_one, &array, array.shape[0],
			 &(sheaf_map_options){.context_size = sizeof(array), .grain = 7});
}

Test(file, tasks_of_tasks_and_successors_use_it)
{
	sheaf_array array;
	pid_t pid;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, ROWS, 0);
	expect_done(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.access = SHEAF_READ_WRITE}));
	/* What has the name by now is another file: its first one is mapped all the same. */
	cr_assert_eq(rename(path, other), 0);
	for (unsigned i = 0; i < 10; i++) {
		expect_done(sheaf_apply(pool, check_nested, &array, sizeof(array), NULL, 0, NULL));
		expect_done(count_from(&array, i + 1));
		write_numbers(path, 5, 900);
		if ((pid = sheaf_pool_worker_pid(pool, i % 2)) > 0)
			kill(pid, SIGKILL);
	}
	expect_done(sheaf_array_free(&array, pool));
}

/* The system shows the descriptors of such an owner by its other threads alone. */
static int own_alone(void *context)
{
	sheaf_array array;

	(void)context;
	/* The status says which of them failed. */
	if (sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .heap_size = 64 << 20}))
		return 1;
	if (sheaf_array_map(&array, pool, path, NULL) || unlink(path))
		return 2;
	if (count_from(&array, 0))
		return 3;
	if (sheaf_array_free(&array, pool))
		return 4;
	sheaf_pool_destroy(pool);
	return 0;
}

static int end_the_first_thread(void *context)
{
	return end_first_thread(own_alone, context);
}

Test(file, an_owner_without_its_first_thread_maps_too)
{
	write_numbers(path, ROWS, 0);
	in_child(end_the_first_thread, NULL);
}

Test(file, many_files_come_and_go)
{
	sheaf_array arrays[40] = {{0}}, one;
	uint64_t seed = 1;

	start_backend(SHEAF_PROCESSES);
	for (unsigned step = 0; step < 600; step++) {
		unsigned i;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		i = (unsigned)(seed >> 33) % 40;
		if (arrays[i].data) {
			expect_done(count_from(&arrays[i], i));
			expect_done(sheaf_array_free(&arrays[i], pool));
			continue;
		}
		snprintf(path, sizeof(path), "%s/%u.npy", folder, i);
		write_numbers(path, 1 + (size_t)(seed >> 40) % 20000, i);
		expect_done(sheaf_array_map(&arrays[i], pool, path, NULL));
		expect_done(count_from(&arrays[i], i));
	}
	/* Their addresses are never memory of the heap. */
	for (unsigned i = 0; i < 20; i++) {
		expect_done(sheaf_array_create(&one, pool, SHEAF_F64, 0, 2, (size_t[]){20000, COLUMNS}));
		expect_done(run_rows(add_one, &one));
	}
	for (unsigned i = 0; i < 40; i++)
		if (arrays[i].data)
			expect_done(count_from(&arrays[i], i));
}

Test(file, no_memory_is_taken)
{
	sheaf_pool_info before, after;
	sheaf_array array;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 100000, 0);
	expect_done(sheaf_array_map(&array, pool, path, NULL));
	expect_done(sheaf_array_free(&array, pool));
	expect_done(sheaf_pool_get_info(pool, &before));
	expect_done(sheaf_array_map(&array, pool, path, NULL));
	expect_done(count_from(&array, 0));
	expect_done(sheaf_pool_get_info(pool, &after));
	/* A second table of mapped files. */
	cr_assert_leq(after.heap_used, before.heap_used + 65536);
	expect_done(sheaf_array_free(&array, pool));
	expect_failure(sheaf_free(pool, array.memory ? array.memory : (void *)(uintptr_t)4096), -EINVAL, "allocation");
}

Test(file, rows_and_columns_alone)
{
	sheaf_array array, columns;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, ROWS, 0);
	expect_done(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.first = 700, .rows = 20}));
	cr_assert_eq(array.shape[0], 20);
	expect_done(count_from(&array, 700 * COLUMNS));
	expect_done(sheaf_array_free(&array, pool));
	expect_done(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.first = ROWS}));
	cr_assert_eq(array.shape[0], 0);
	expect_done(sheaf_array_free(&array, pool));
	expect_failure(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.first = 1, .rows = ROWS}), -EINVAL,
		       "has 1000 rows");
	expect_done(sheaf_array_map(&array, pool, path, NULL));
	expect_done(sheaf_array_transpose(&columns, &array, NULL));
	expect_done(sheaf_array_save(&columns, other));
	expect_done(sheaf_array_free(&array, pool));
	/* In Fortran order the last index is the one that lies in pieces. */
	expect_done(sheaf_array_map(&array, pool, other, &(sheaf_file_options){.first = 10, .rows = 5}));
	cr_assert(array.shape[0] == COLUMNS && array.shape[1] == 5);
	cr_assert_eq(*(double *)sheaf_array_at(&array, (size_t[]){2, 4}), 14 * COLUMNS + 2);
	expect_done(sheaf_array_free(&array, pool));
}

Test(file, a_layout_describes_a_file_without_a_header)
{
	const sheaf_layout layout = {.type = SHEAF_I32, .dimensions = 1, .shape = {1000}, .offset = 8};
	int32_t numbers[1002];
	sheaf_array array;
	FILE *file;

	for (int i = 0; i < 1002; i++)
		numbers[i] = i - 2;
	cr_assert_not_null(file = fopen(other, "wb"));
	cr_assert_eq(fwrite(numbers, sizeof(numbers), 1, file), 1);
	fclose(file);
	start_backend(SHEAF_PROCESSES);
	expect_done(sheaf_array_map(&array, pool, other, &(sheaf_file_options){.layout = &layout}));
	cr_assert_eq(((int32_t *)array.data)[999], 999);
	expect_done(sheaf_array_free(&array, pool));
	expect_failure(
		sheaf_array_map(
			&array, pool, other,
			&(sheaf_file_options){
				.layout = &(sheaf_layout){.type = SHEAF_I32, .dimensions = 1, .shape = {1001}, .offset = 8}}),
		-EBADMSG, "has 4008 bytes, and the layout needs 4012");
	expect_failure(
		sheaf_array_map(
			&array, pool, other,
			&(sheaf_file_options){
				.layout = &(sheaf_layout){.type = SHEAF_I32, .dimensions = 1, .shape = {1}, .offset = 7}}),
		-ENOTSUP, "no multiple of their 4 bytes");
}

/* ---- what goes wrong ---- */

static int try_to_map(sheaf_task *task, const void *arg, void *result)
{
	sheaf_array array;

	(void)arg;
	(void)result;
	return sheaf_array_map(&array, sheaf_task_pool(task), path, NULL);
}

Test(file, bad_calls_are_refused)
{
	sheaf_array array = {0};
	char missing[160];

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 10, 0);
	snprintf(missing, sizeof(missing), "%s/none.npy", folder);
	expect_failure(sheaf_array_map(NULL, pool, path, NULL), -EINVAL, "NULL");
	expect_failure(sheaf_array_map(&array, pool, missing, NULL), -ENOENT, "none.npy");
	expect_failure(sheaf_array_map(&array, pool, folder, NULL), -EISDIR, folder);
	expect_failure(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.access = (enum sheaf_access)9}), -EINVAL,
		       "options.access is 9");
	expect_failure(sheaf_array_map(&array, pool, path, &(sheaf_file_options){.member = "x"}), -EINVAL, "is no .npz file");
	expect_failure(sheaf_array_map(&array, pool, "/sheaf-none", &(sheaf_file_options){.named = true}), -EINVAL,
		       "needs options.layout");
	expect_failure(sheaf_apply(pool, try_to_map, NULL, 0, NULL, 0, NULL), -EPERM, "position 0");
	cr_assert_eq(truncate(path, 200), 0);
	expect_failure(sheaf_array_map(&array, pool, path, NULL), -EBADMSG, "truncated");
	cr_assert_null(array.data);
}

Test(file, what_does_not_fit_the_heap_is_told)
{
	const sheaf_layout layout = {.type = SHEAF_U8, .dimensions = 1, .shape = {(size_t)100 << 20}};
	int fd = open(other, O_RDWR | O_CREAT, 0600);
	sheaf_array array;

	cr_assert(fd >= 0 && !ftruncate(fd, (off_t)100 << 20));
	close(fd);
	start_backend(SHEAF_PROCESSES);
	expect_failure(sheaf_array_map(&array, pool, other, &(sheaf_file_options){.layout = &layout}), -ENOMEM,
		       "raise options.heap_size, which takes no memory");
}

static int touch_all(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const sheaf_array *array = context;
	volatile unsigned char sum = 0;

	(void)task;
	for (size_t i = begin; i < end; i++)
		sum = (unsigned char)(sum + ((const unsigned char *)array->data)[i * 24]);
	return 0;
}

Test(file, a_file_that_is_cut_harms_no_owner)
{
	sheaf_array array;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 100000, 0);
	expect_done(sheaf_array_map(&array, pool, path, NULL));
	expect_done(run_rows(touch_all, &array));
	cr_assert_eq(truncate(path, 4096), 0);
	cr_assert_eq(run_rows(touch_all, &array), -ECHILD);
	cr_assert_not_null(strstr(sheaf_message(), "signal 7"), "%s", sheaf_message());
	expect_done(sheaf_array_free(&array, pool));
	write_numbers(path, 10, 3);
	expect_done(sheaf_array_map(&array, pool, path, NULL));
	expect_done(count_from(&array, 3));
}

/* ---- making ---- */

static int fill_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const sheaf_array *array = context;

	(void)task;
	for (size_t i = begin * COLUMNS; i < end * COLUMNS; i++)
		((double *)array->data)[i] = (double)i;
	return 0;
}

Test(file, workers_fill_a_new_file)
{
	sheaf_array array, made;
	char part[160];

	start_backend(SHEAF_PROCESSES);
	snprintf(part, sizeof(part), "%s.part", path);
	write_numbers(path, 4, 50);
	expect_done(sheaf_array_create_file(&array, pool, path, SHEAF_F64, 0, 2, (size_t[]){5 * ROWS, COLUMNS}));
	cr_assert_eq(((double *)array.data)[7], 0);
	expect_done(sheaf_for(pool, fill_rows, &array, ROWS, &(sheaf_map_options){.context_size = sizeof(array)}));
	/* What had the name still has it. */
	expect_done(sheaf_array_map(&made, pool, path, NULL));
	expect_done(count_from(&made, 50));
	expect_done(sheaf_array_free(&made, pool));
	expect_failure(sheaf_array_finish(&array, pool, 5 * ROWS + 1, false), -EINVAL, "rows is 5001, and the array has 5000");
	expect_done(sheaf_array_finish(&array, pool, ROWS, true));
	cr_assert_null(array.data);
	cr_assert_eq(access(part, F_OK), -1);
	expect_done(sheaf_array_load(&made, pool, path, NULL));
	cr_assert_eq(made.shape[0], ROWS);
	expect_done(count_from(&made, 0));
	expect_failure(sheaf_array_finish(&made, pool, 1, false), -EINVAL, "was not made by");
	expect_done(sheaf_array_free(&made, pool));
}

#ifdef __linux__
/* Has this process told the system that nothing is to be read ahead at an address? -1: unknown. */
static int reads_nothing_ahead(const void *address)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	unsigned long begin = 0, end = 0;
	char line[600];
	int found = -1;

	while (file && found < 0 && fgets(line, sizeof(line), file)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			begin = from;
			end = to;
		}
		if (!strncmp(line, "VmFlags:", 8) && begin <= (uintptr_t)address && (uintptr_t)address < end)
			found = strstr(line, " rr") != NULL;
	}
	if (file)
		fclose(file);
	return found;
}

static int note_advice(sheaf_task *task, size_t begin, size_t end, void *context)
{
	int *found = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		found[i] = reads_nothing_ahead(*(void **)(found + 2));
	return 0;
}

/* Of a file that is made there is nothing to read, and the system makes small pages of it. */
Test(file, nothing_of_a_new_file_is_read_ahead)
{
	sheaf_array made, mapped;
	int *found;

	start_backend(SHEAF_PROCESSES);
	write_numbers(other, ROWS, 0);
	expect_done(sheaf_array_create_file(&made, pool, path, SHEAF_F64, 0, 2, (size_t[]){ROWS, COLUMNS}));
	expect_done(sheaf_array_map(&mapped, pool, other, NULL));
	expect_done(sheaf_alloc(pool, 2 * sizeof(*found) + sizeof(void *), (void **)&found));
	for (unsigned is_made = 0; is_made < 2; is_made++) {
		int own = reads_nothing_ahead(is_made ? made.data : mapped.data);

		if (own < 0)
			skip("the system does not tell");
		cr_assert_eq(own, (int)is_made);
		memcpy(found + 2, is_made ? &made.data : &mapped.data, sizeof(void *));
		expect_done(sheaf_for(pool, note_advice, found, 2, NULL));
		cr_assert_eq(found[0], (int)is_made);
		cr_assert_eq(found[1], (int)is_made);
	}
	expect_done(sheaf_free(pool, found));
	expect_done(sheaf_array_free(&mapped, pool));
	expect_done(sheaf_array_finish(&made, pool, 0, false));
}
#endif

Test(file, what_is_not_finished_leaves_nothing)
{
	sheaf_array array;
	char part[160];

	start_backend(SHEAF_PROCESSES);
	snprintf(part, sizeof(part), "%s.part", path);
	write_numbers(path, 4, 50);
	expect_done(sheaf_array_create_file(&array, pool, path, SHEAF_I16, 0, 1, (size_t[]){100}));
	cr_assert_eq(access(part, F_OK), 0);
	expect_done(sheaf_array_free(&array, pool));
	cr_assert_eq(access(part, F_OK), -1);
	expect_done(sheaf_array_load(&array, pool, path, NULL));
	cr_assert_eq(array.shape[0], 4);
	expect_done(sheaf_array_free(&array, pool));
	expect_failure(sheaf_array_create_file(&array, pool, path, SHEAF_F64, 0, 9, NULL), -EINVAL, "dimensions is 9");
	snprintf(part, sizeof(part), "%s/none/array.npy", folder);
	expect_failure(sheaf_array_create_file(&array, pool, part, SHEAF_F64, 0, 0, NULL), -ENOENT, part);
	/* Without dimensions there is one item. */
	expect_done(sheaf_array_create_file(&array, pool, other, SHEAF_F64, 0, 0, NULL));
	*(double *)array.data = 8;
	expect_done(sheaf_array_finish(&array, pool, 1, false));
	expect_done(sheaf_array_load(&array, pool, other, NULL));
	cr_assert(array.dimensions == 0 && *(double *)array.data == 8);
}

/* ---- appending ---- */

Test(file, rows_are_appended_in_place)
{
	double numbers[7 * COLUMNS];
	sheaf_array rows, array;
	struct stat before, after;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 2, 0);
	cr_assert_eq(stat(path, &before), 0);
	for (unsigned done = 2; done < 2 + 7 * 20; done += 7) {
		for (unsigned i = 0; i < 7 * COLUMNS; i++)
			numbers[i] = done * COLUMNS + i;
		expect_done(sheaf_array_view(&rows, numbers, SHEAF_F64, 0, 2, (size_t[]){7, COLUMNS}));
		expect_done(sheaf_npy_append(path, &rows));
	}
	cr_assert_eq(stat(path, &after), 0);
	cr_assert_eq(after.st_ino, before.st_ino);
	expect_done(sheaf_array_load(&array, pool, path, NULL));
	cr_assert_eq(array.shape[0], 142);
	expect_done(count_from(&array, 0));
}

Test(file, appending_goes_on_behind_a_writer_that_died)
{
	double numbers[COLUMNS] = {30, 31, 32};
	sheaf_array rows, array;
	FILE *file;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 10, 0);
	cr_assert_not_null(file = fopen(path, "ab"));
	cr_assert_eq(fwrite("half of a row and more of what was written", 1, 40, file), 40);
	fclose(file);
	expect_failure(sheaf_array_load(&array, pool, path, NULL), -EBADMSG, "40 bytes more");
	expect_done(sheaf_array_view(&rows, numbers, SHEAF_F64, 0, 2, (size_t[]){1, COLUMNS}));
	expect_done(sheaf_npy_append(path, &rows));
	expect_done(sheaf_array_load(&array, pool, path, NULL));
	cr_assert_eq(array.shape[0], 11);
	expect_done(count_from(&array, 0));
}

Test(file, rows_that_do_not_fit_are_refused)
{
	double numbers[8] = {0};
	sheaf_array rows, columns, array;
	FILE *file;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 2, 0);
	expect_done(sheaf_array_view(&rows, numbers, SHEAF_F64, 0, 2, (size_t[]){2, 4}));
	expect_failure(sheaf_npy_append(path, &rows), -EINVAL, "all but the first length");
	expect_done(sheaf_array_view(&rows, numbers, SHEAF_F32, 0, 2, (size_t[]){2, COLUMNS}));
	expect_failure(sheaf_npy_append(path, &rows), -EINVAL, "all but the first length");
	expect_failure(sheaf_npy_append(NULL, &rows), -EINVAL, "path is NULL");
	expect_done(sheaf_array_load(&array, pool, path, NULL));
	expect_done(count_from(&array, 0));
	expect_done(sheaf_array_transpose(&columns, &array, NULL));
	expect_done(sheaf_array_save(&columns, other));
	expect_failure(sheaf_npy_append(other, &rows), -ENOTSUP, "C order");
	/* A header without room for one more digit. */
	cr_assert_not_null(file = fopen(other, "wb"));
	fputs("\x93NUMPY\x01", file);
	fputc(0, file);
	fputs("\x3a", file);
	fputc(0, file);
	fputs("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }\n", file);
	fwrite(numbers, 8, 8, file);
	fwrite(numbers, 8, 1, file);
	fclose(file);
	expect_done(sheaf_array_view(&rows, numbers, SHEAF_F64, 0, 1, (size_t[]){1}));
	expect_failure(sheaf_npy_append(other, &rows), -ENOTSUP, "no room for 10 rows");
}

/* ---- archives ---- */

Test(file, archives_are_written_listed_loaded_and_mapped)
{
	static const char *const names[] = {"left", "a longer name", "empty"};
	double numbers[12];
	int8_t bytes[5] = {1, 2, 3, 4, 5};
	sheaf_array arrays[3], columns, array;
	sheaf_member members[2];
	size_t count;

	start_backend(SHEAF_PROCESSES);
	snprintf(other, sizeof(other), "%s/all.npz", folder);
	for (unsigned i = 0; i < 12; i++)
		numbers[i] = i;
	expect_done(sheaf_array_view(&columns, numbers, SHEAF_F64, 0, 2, (size_t[]){4, COLUMNS}));
	arrays[0] = columns;
	expect_done(sheaf_array_view(&arrays[1], bytes, SHEAF_I8, 0, 1, (size_t[]){5}));
	expect_done(sheaf_array_slice(&arrays[1], &arrays[1], 0, 0, 3, 2));
	expect_done(sheaf_array_view(&arrays[2], NULL, SHEAF_C64, 0, 2, (size_t[]){0, 3}));
	expect_done(sheaf_npz_save(other, names, arrays, 3));
	expect_done(sheaf_npz_list(other, members, 2, &count));
	cr_assert(count == 3 && !strcmp(members[0].name, "left") && !strcmp(members[1].name, "a longer name"));
	expect_done(sheaf_array_map(&array, pool, other, &(sheaf_file_options){.member = "left"}));
	cr_assert_eq((uintptr_t)array.data % 64, 0);
	expect_done(count_from(&array, 0));
	expect_done(sheaf_array_free(&array, pool));
	expect_done(sheaf_array_load(&array, pool, other, &(sheaf_load_options){.member = "a longer name.npy"}));
	cr_assert(array.shape[0] == 3 && ((int8_t *)array.data)[2] == 5);
	expect_done(sheaf_array_free(&array, pool));
	expect_done(sheaf_array_load(&array, pool, other, &(sheaf_load_options){.member = "empty"}));
	cr_assert(array.type == SHEAF_C64 && array.shape[0] == 0 && array.shape[1] == 3);
	expect_done(sheaf_array_free(&array, pool));
	expect_failure(sheaf_array_load(&array, pool, other, NULL), -EINVAL, "has 3 arrays");
	expect_failure(sheaf_array_load(&array, pool, other, &(sheaf_load_options){.member = "right"}), -ENOENT, "right");
	expect_failure(sheaf_npz_save(other, (const char *const[]){"a", "a"}, arrays, 2), -EINVAL, "the name a");
	expect_failure(sheaf_npz_save(other, (const char *const[]){""}, arrays, 1), -EINVAL, "empty");
	expect_failure(sheaf_npz_save(other, (const char *const[]){"a", "\xc3\xa9\xff"}, arrays, 2), -EINVAL,
		       "names[1], \xc3\xa9\\xff, is not UTF-8");
	expect_done(sheaf_npz_save(other, NULL, NULL, 0));
	expect_done(sheaf_npz_list(other, NULL, 0, &count));
	cr_assert_eq(count, 0);
}

/* Each byte of an archive that is wrong is noticed, or harms nothing. */
Test(file, a_damaged_archive_is_no_array_or_the_same)
{
	static const char *const names[] = {"x"};
	double numbers[COLUMNS * 2] = {0, 1, 2, 3, 4, 5};
	unsigned char bytes[4096];
	sheaf_array array;
	size_t size;
	FILE *file;

	start_backend(SHEAF_PROCESSES);
	snprintf(other, sizeof(other), "%s/all.npz", folder);
	expect_done(sheaf_array_view(&array, numbers, SHEAF_F64, 0, 2, (size_t[]){2, COLUMNS}));
	expect_done(sheaf_npz_save(other, names, &array, 1));
	cr_assert_not_null(file = fopen(other, "rb"));
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	for (size_t i = 0; i < 2 * size; i++) {
		size_t cut = i < size ? size : i - size;

		if (i < size)
			bytes[i] ^= 0x41;
		cr_assert_not_null(file = fopen(other, "wb"));
		cr_assert_eq(fwrite(bytes, 1, cut, file), cut);
		fclose(file);
		if (sheaf_array_load(&array, pool, other, &(sheaf_load_options){.member = "x"}) == 0) {
			expect_done(count_from(&array, 0));
			expect_done(sheaf_array_free(&array, pool));
		}
		if (i < size)
			bytes[i] ^= 0x41;
	}
}

/* ---- named memory ---- */

Test(file, named_memory_is_seen_by_others)
{
	const sheaf_layout layout = {.type = SHEAF_F64, .dimensions = 2, .shape = {ROWS, COLUMNS}};
	sheaf_array array, again;
	char name[64];
	double *seen;
	int fd;

	start_backend(SHEAF_PROCESSES);
	snprintf(name, sizeof(name), "/unit-file-%ld", (long)getpid());
	expect_done(sheaf_array_create_named(&array, pool, name, SHEAF_F64, 0, 2, (size_t[]){ROWS, COLUMNS}));
	expect_done(run_rows(fill_rows, &array));
	fd = shm_open(name, O_RDWR, 0);
	cr_assert_geq(fd, 0);
	seen = mmap(NULL, ROWS * COLUMNS * sizeof(double), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(seen, MAP_FAILED);
	cr_assert_eq(seen[1000], 1000);
	expect_failure(sheaf_array_create_named(&again, pool, name, SHEAF_F64, 0, 0, NULL), -EEXIST, name);
	expect_done(sheaf_array_map(&again, pool, name,
				    &(sheaf_file_options){.named = true, .layout = &layout, .access = SHEAF_READ_WRITE}));
	expect_done(run_rows(add_one, &again));
	cr_assert_eq(seen[1000], 1001);
	expect_done(sheaf_array_free(&again, pool));
	expect_done(sheaf_array_free(&array, pool));
	cr_assert_eq(shm_unlink(name), 0);
	munmap(seen, ROWS * COLUMNS * sizeof(double));
	close(fd);
	expect_failure(sheaf_array_create_named(&array, pool, "no-slash", SHEAF_F64, 0, 0, NULL), -EINVAL, "must be a slash");
	expect_failure(sheaf_array_map(&again, pool, name, &(sheaf_file_options){.named = true, .layout = &layout}), -ENOENT,
		       name);
}

/* ---- file to file ---- */

/* The running difference of each column: needs the row in front. */
static int difference(sheaf_task *task, const sheaf_block *block, void *context)
{
	const double *factor = context;

	(void)task;
	for (size_t i = 0; i < block->shape[0]; i++)
		for (size_t j = 0; j < COLUMNS; j++) {
			const double *in = sheaf_array_at(&block->in, (size_t[]){block->inner[0] + i, j});
			double before = block->inner[0] + i ? in[-COLUMNS] : 0;

			*(float *)sheaf_array_at(&block->out, (size_t[]){i, j}) = (float)((in[0] - before) * *factor);
		}
	return 0;
}

static const sheaf_file_job differences = {.in = path,
					   .out = other,
					   .type = SHEAF_F32,
					   .dimensions = 1,
					   .shape = {COLUMNS},
					   .halo = 1,
					   .memory = 256 << 10,
					   .context = &(double){2},
					   .context_size = sizeof(double)};

/* 2 x 3 everywhere, but for the first row. */
static void check_differences(size_t rows)
{
	sheaf_array array;

	expect_done(sheaf_array_load(&array, pool, other, NULL));
	cr_assert(array.type == SHEAF_F32 && array.dimensions == 2 && array.shape[0] == rows && array.shape[1] == COLUMNS);
	for (size_t i = 0; i < rows * COLUMNS; i++) {
		float wanted = i < COLUMNS ? 2 * (float)i : 2 * COLUMNS;

		cr_assert_eq(((float *)array.data)[i], wanted, "item %zu of %zu rows", i, rows);
	}
	expect_done(sheaf_array_free(&array, pool));
}

static void compute_files(enum sheaf_backend backend)
{
	static const size_t sizes[] = {0, 1, 2, 7, 1000, 200000};

	start_backend(backend);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		write_numbers(path, sizes[i], 0);
		expect_done(sheaf_map_file(pool, difference, &differences, NULL));
		check_differences(sizes[i]);
		expect_done(sheaf_map_file(pool, difference, &differences, &(sheaf_map_options){.caller_works = true}));
		check_differences(sizes[i]);
	}
}

Test(file, a_file_is_computed_from_another_one)
{
	compute_files(SHEAF_PROCESSES);
}

Test(file, so_it_is_by_threads_and_by_the_caller)
{
	compute_files(SHEAF_THREADS);
	sheaf_pool_destroy(pool);
	pool = NULL;
	compute_files(SHEAF_INLINE);
}

/* Looks at the heap while a job runs. */
struct witness {
	pthread_t thread;
	_Atomic bool over;
	size_t most;
};

static void *watch_heap(void *context)
{
	struct witness *witness = context;
	sheaf_pool_info info;

	while (!atomic_load(&witness->over)) {
		if (!sheaf_pool_get_info(pool, &info) && info.heap_used > witness->most)
			witness->most = info.heap_used;
		nap();
	}
	return NULL;
}

/* Takes the first column. Kills its worker now and then. @context: how often, in shared memory. */
static int first_column(sheaf_task *task, const sheaf_block *block, void *context)
{
	_Atomic unsigned *kills = context;

	if (block->begin[0] % 7 == 3 && sheaf_task_attempt(task) == 1 && atomic_fetch_add(kills, 1) < 10)
		raise(SIGKILL);
	for (size_t i = 0; i < block->shape[0]; i++)
		*(double *)sheaf_array_at(&block->out, &i) = *(double *)sheaf_array_at(&block->in, (size_t[]){i, 0});
	return 0;
}

static void expect_first_column(sheaf_file_job *job, size_t rows)
{
	struct witness witness = {.most = 0};
	sheaf_pool_info info;
	sheaf_array array;

	atomic_store((_Atomic unsigned *)job->context, 0);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(pthread_create(&witness.thread, NULL, watch_heap, &witness), 0);
	expect_done(sheaf_map_file(pool, first_column, job, NULL));
	atomic_store(&witness.over, true);
	pthread_join(witness.thread, NULL);
	cr_assert_leq(witness.most, info.heap_used + job->memory + (1 << 20));
	expect_done(sheaf_array_load(&array, pool, other, NULL));
	cr_assert_eq(sheaf_array_count(&array), rows);
	for (size_t i = 0; i < rows; i++)
		cr_assert_eq(((double *)array.data)[i], (double)(i * COLUMNS));
	expect_done(sheaf_array_free(&array, pool));
}

Test(file, memory_is_bounded_and_deaths_change_nothing)
{
	sheaf_file_job job = {.in = path, .out = other, .type = SHEAF_F64, .memory = 512 << 10};
	size_t rows = 150001;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, rows, 0);
	expect_done(sheaf_alloc(pool, sizeof(unsigned), &job.context));
	expect_first_column(&job, rows);
	/* The same as CSV: one column. */
	snprintf(other, sizeof(other), "%s/out.csv", folder);
	job.memory = 1 << 20;
	expect_first_column(&job, rows);
}

static int fail_late(sheaf_task *task, const sheaf_block *block, void *context)
{
	(void)context;
	return block->begin[0] > 50000 ? sheaf_task_fail(task, -EDOM, "enough") : 0;
}

Test(file, what_fails_leaves_the_old_file)
{
	sheaf_file_job job = differences;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 100000, 0);
	write_numbers(other, 3, 5);
	expect_failure(sheaf_map_file(pool, fail_late, &differences, NULL), -EDOM, "enough");
	job.memory = 1000;
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -EINVAL, "job.memory is");
	job = differences;
	job.out = "out.csv";
	job.type = SHEAF_C64;
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -EINVAL, "cannot be written as CSV");
	job = differences;
	job.context_size = 5000;
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -EINVAL, "context_size is 5000");
	job = differences;
	job.in = "/none.npy";
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -ENOENT, "none.npy");
	expect_failure(sheaf_map_file(pool, NULL, &job, NULL), -EINVAL, "fn, job");
	cr_assert_eq(truncate(path, 2000), 0);
	expect_failure(sheaf_map_file(pool, difference, &differences, NULL), -EBADMSG, "truncated");
	write_numbers(path, 3, 5);
	{
		sheaf_array array;

		expect_done(sheaf_array_load(&array, pool, other, NULL));
		expect_done(count_from(&array, 5));
	}
}

/* ---- replacing ---- */

/* Have each call that replaces a file replace this one. */
static void expect_each_refuses(const char *file, int code, const char *text)
{
	const sheaf_file_job job = {.in = path, .out = file, .dimensions = 1, .shape = {COLUMNS}};
	const char *name = "a";
	sheaf_array array;
	sheaf_column column = {.name = "a"};
	const sheaf_table table = {.rows = ROWS, .column_count = 1, .columns = &column};

	expect_done(sheaf_array_create(&array, pool, SHEAF_F64, 0, 1, (size_t[]){ROWS}));
	column.values = array;
	expect_failure(sheaf_array_save(&array, file), code, text);
	expect_failure(sheaf_npz_save(file, &name, &array, 1), code, text);
	expect_failure(sheaf_table_save(&table, pool, file, NULL), code, text);
	expect_failure(sheaf_file_replace(file, array.data, ROWS * sizeof(double)), code, text);
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), code, text);
	expect_done(sheaf_array_free(&array, pool));
	expect_failure(sheaf_array_create_file(&array, pool, file, SHEAF_F64, 0, 1, (size_t[]){ROWS}), code, text);
}

Test(file, what_is_no_regular_file_is_not_replaced)
{
	static const char text[] = "no regular file, and would be replaced by one: write to another name";
	struct stat before, after;
	char link[160], name[400];

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, ROWS, 0);
	cr_assert_eq(mkfifo(other, 0600), 0);
	cr_assert_eq(stat(other, &before), 0);
	expect_each_refuses(other, -ENOTSUP, text);
	expect_each_refuses(folder, -EISDIR, folder);
	snprintf(link, sizeof(link), "%s/link", folder);
	for (unsigned i = 0; i < 2; i++) {
		struct stat status;

		cr_assert_eq(symlink(i ? "/proc/self/fd/1" : other, link), 0);
		expect_each_refuses(link, -ENOTSUP, text);
		cr_assert(!lstat(link, &status) && S_ISLNK(status.st_mode));
		cr_assert_eq(unlink(link), 0);
	}
	cr_assert(!stat(other, &after) && S_ISFIFO(after.st_mode) && after.st_ino == before.st_ino);
	cr_assert_eq(unlink(other), 0);
	/* What is in the way is the part. */
	snprintf(link, sizeof(link), "%s.part", other);
	cr_assert_eq(mkdir(link, 0700), 0);
	expect_each_refuses(other, -EEXIST, "FILE.part is there");
	cr_assert_eq(rmdir(link), 0);
	snprintf(name, sizeof(name), "%s/%0252d", folder, 0);
	expect_each_refuses(name, -ENAMETOOLONG, "with the .part");
}

Test(file, a_new_file_gives_others_no_new_rights)
{
	static const mode_t modes[] = {0600, 0640, 0644};
	mode_t umask_before = umask(0022);
	sheaf_array array;
	struct stat status;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 2, 0);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(chmod(path, modes[i]), 0);
		write_numbers(path, 3, 0);
		cr_assert(!stat(path, &status) && (status.st_mode & 0777) == modes[i], "mode %o", (unsigned)status.st_mode);
	}
	cr_assert_eq(chmod(path, 0600), 0);
	expect_done(sheaf_array_create_file(&array, pool, path, SHEAF_F64, 0, 1, (size_t[]){10}));
	expect_done(sheaf_array_finish(&array, pool, 10, false));
	cr_assert(!stat(path, &status) && (status.st_mode & 0777) == 0600);
	/* What is at the end of a link is left alone. */
	cr_assert_eq(symlink(path, other), 0);
	write_numbers(other, 2, 5);
	cr_assert(!lstat(other, &status) && S_ISREG(status.st_mode) && (status.st_mode & 0777) == 0600);
	cr_assert(!stat(path, &status) && status.st_size == 128 + 80);
	umask(umask_before);
}

/* The limit brings a signal to who writes beyond it. */
Test(file, a_limit_of_file_sizes_is_an_error_and_no_signal)
{
	struct rlimit before, limit;
	double numbers[ROWS * COLUMNS] = {0};
	sheaf_array rows, array;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, ROWS, 0);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = ROWS * COLUMNS * sizeof(float);
	expect_done(sheaf_array_view(&rows, numbers, SHEAF_F64, 0, 2, (size_t[]){ROWS, COLUMNS}));
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_failure(sheaf_array_save(&rows, other), -EFBIG, other);
	expect_failure(sheaf_npz_save(other, (const char *[]){"a"}, &rows, 1), -EFBIG, other);
	expect_failure(sheaf_npy_append(path, &rows), -EFBIG, path);
	expect_failure(sheaf_array_create_file(&array, pool, other, SHEAF_F64, 0, 1, (size_t[]){ROWS * COLUMNS}), -EFBIG,
		       other);
	expect_failure(sheaf_array_create_named(&array, pool, "/test-file-limit", SHEAF_F64, 0, 1, (size_t[]){ROWS * 4}),
		       -EFBIG, "/test-file-limit");
	expect_failure(sheaf_map_file(pool, difference, &differences, NULL), -EFBIG, other);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	expect_done(sheaf_array_load(&array, pool, path, NULL));
	cr_assert_eq(array.shape[0], ROWS);
}

/* ---- advice ---- */

Test(file, what_a_message_says_is_needed_is_enough)
{
	sheaf_file_job job = differences;
	const char *takes;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 1000, 0);
	job.memory = 1;
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -EINVAL, "job.memory is 1,");
	takes = strstr(sheaf_message(), "takes ");
	cr_assert_not_null(takes);
	job.memory = (size_t)strtoull(takes + strlen("takes "), NULL, 10);
	expect_done(sheaf_map_file(pool, difference, &job, NULL));
	check_differences(1000);
	job.halo = SIZE_MAX / 2;
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -EOVERFLOW, "with a halo of");
	job = differences;
	job.type = SHEAF_BYTES;
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -EINVAL, "SHEAF_BYTES, and job.item_size 0");
}

/* A call that cannot use a pipe neither waits for its writer nor takes its bytes. */
Test(file, a_pipe_is_refused_and_left_alone)
{
	sheaf_file_job job = differences;
	sheaf_array array;
	char bytes[8] = "";
	size_t count;
	int fd;

	start_backend(SHEAF_PROCESSES);
	cr_assert_eq(mkfifo(other, 0600), 0);
	job.in = other;
	job.out = path;
	expect_failure(sheaf_array_map(&array, pool, other, NULL), -ENOTSUP, "no regular file, so it cannot be mapped");
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -ENOTSUP, "no regular file");
	fd = open(other, O_RDWR | O_NONBLOCK);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "1,2\n3,4\n", 8), 8);
	expect_failure(sheaf_array_map(&array, pool, other, NULL), -ENOTSUP, "load it by sheaf_array_load()");
	expect_failure(sheaf_map_file(pool, difference, &job, NULL), -ENOTSUP, "no regular file");
	expect_done(sheaf_array_view(&array, bytes, SHEAF_U8, 0, 1, (size_t[]){8}));
	expect_failure(sheaf_npy_append(other, &array), -ENOTSUP, "no regular file");
	expect_failure(sheaf_npz_list(other, NULL, 0, &count), -ENOTSUP, "no regular file");
	cr_assert_eq(read(fd, bytes, sizeof(bytes)), 8);
	cr_assert_eq(memcmp(bytes, "1,2\n3,4\n", 8), 0);
	close(fd);
}

Test(file, messages_say_what_arrays_are)
{
	double numbers[6] = {0};
	sheaf_array rows, bytes;

	start_backend(SHEAF_PROCESSES);
	write_numbers(path, 2, 0);
	expect_done(sheaf_array_view(&rows, numbers, SHEAF_I64, 0, 1, (size_t[]){6}));
	expect_failure(sheaf_npy_append(path, &rows), -EINVAL, "array.npy is SHEAF_F64 (2, 3), and rows is SHEAF_I64 (6,)");
	expect_done(sheaf_array_view(&bytes, numbers, SHEAF_BYTES, 16, 0, NULL));
	expect_failure(sheaf_array_copy(pool, &rows, &bytes, SHEAF_CHECKED, NULL), -EINVAL,
		       "SHEAF_I64 (6,) and SHEAF_BYTES of 16 bytes ()");
}
