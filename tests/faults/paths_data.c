/*
 * paths_data.c - tables from files.
 */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sheaf_file.h"
#include "steps.h"
#include "support/check.h"

#define ROWS 1500
#define LONG_NAME 270000 /* of a column: longer than the buffer at first */

static char folder[256], csv_path[300], npy_path[300];
static pid_t maker;

static void write_rows(FILE *file)
{
	for (int row = 0; row < ROWS; row++)
		fprintf(file, "%d,%d.5\n", row, 2 * row);
}

static void remove_files(void)
{
	if (getpid() != maker)
		return;
	unlink(csv_path);
	unlink(npy_path);
	rmdir(folder);
}

void paths_make_files(void)
{
	const char *place = getenv("TMPDIR");
	char header[128];
	FILE *file;

	snprintf(folder, sizeof(folder), "%s/sheaf-faults-XXXXXX", place ? place : "/tmp");
	CHECK(mkdtemp(folder) && !atexit(remove_files), "%s: %s", folder, strerror(errno));
	maker = getpid();
	snprintf(csv_path, sizeof(csv_path), "%s/table.csv", folder);
	snprintf(npy_path, sizeof(npy_path), "%s/table.npy", folder);
	CHECK((file = fopen(csv_path, "w")), "%s: %s", csv_path, strerror(errno));
	for (int i = 0; i < LONG_NAME; i++)
		putc('x', file);
	fputs(",y\n", file);
	write_rows(file);
	CHECK(fclose(file) == 0, "%s", csv_path);
	CHECK((file = fopen(npy_path, "w")), "%s: %s", npy_path, strerror(errno));
	snprintf(header, sizeof(header), "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 2), }", ROWS);
	fprintf(file, "\x93NUMPY%c%c%c%c%-117s\n", 1, 0, 118, 0, header);
	for (int row = 0; row < ROWS; row++)
		fwrite((double[2]){row, 2 * row + 0.5}, sizeof(double), 2, file);
	CHECK(fclose(file) == 0, "%s", npy_path);
}

static void check_table(sheaf_pool *pool, sheaf_array *array)
{
	int r;

	RIGHT(array->shape[0] == ROWS && array->shape[1] == 2, LOST, "%zu rows, %zu columns", array->shape[0], array->shape[1]);
	for (int row = 0; row < ROWS; row++)
		RIGHT(((const double *)array->data)[2 * row] == row &&
			      ((const double *)array->data)[2 * row + 1] == 2 * row + 0.5,
		      LOST, "row %d is wrong", row);
	r = LIBRARY(sheaf_array_free(array, pool));
	RIGHT(r == 0, WRONG, "sheaf_array_free: %d", r);
}

static void load(const char *path)
{
	sheaf_pool *pool = step_create();
	sheaf_array array = {.shape = {77}};
	sheaf_pool_info info;
	int r;

	if (!pool)
		return;
	TRY(r, AS_LOAD, sheaf_array_load(&array, pool, path, NULL));
	if (r >= 0)
		check_table(pool, &array);
	else
		RIGHT(!array.data && array.shape[0] == 77, WRONG, "sheaf_array_load: fails and changes the array");
	RIGHT(LIBRARY(sheaf_pool_get_info(pool, &info)) == 0 && info.heap_used == 0, LEAKED, "%zu bytes of the heap",
	      info.heap_used);
	step_destroy(pool);
}

void path_load_csv(void)
{
	load(csv_path);
}

void path_load_npy(void)
{
	load(npy_path);
}

/* A pipe can be read once, so its call is made once. */
void path_load_pipe(void)
{
	sheaf_pool *pool = step_create();
	sheaf_array array = {0};
	int ends[2], r;
	char path[32];
	FILE *file;

	if (!pool)
		return;
	RIGHT(pipe(ends) == 0 && (file = fdopen(ends[1], "w")), WRONG, "pipe: %s", strerror(errno));
	write_rows(file);
	fclose(file);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	r = judge_first(LIBRARY(sheaf_array_load(&array, pool, path, NULL)), AS_LOAD, "sheaf_array_load");
	close(ends[0]);
	if (r >= 0)
		check_table(pool, &array);
	step_destroy(pool);
}

/* Backwards, so that a buffer is needed. Several cases run at once. */
void path_save(void)
{
	double values[] = {1, 2, 3, 4, 5, 6};
	char file[64], part[80];
	sheaf_array array, view;
	int r;

	snprintf(file, sizeof(file), "faults-%ld.npy", (long)getpid());
	snprintf(part, sizeof(part), "%s.part", file);
	RIGHT(!sheaf_array_view(&array, values, SHEAF_F64, 0, 2, (size_t[]){3, 2}) &&
		      !sheaf_array_slice(&view, &array, 0, 2, 3, -1),
	      WRONG, "no view: %s", sheaf_message());
	TRY(r, AS_SAVE, sheaf_array_save(&view, file));
	RIGHT((access(file, F_OK) == 0) == (r == 0), WRONG, "sheaf_array_save: %d, and the file is %s", r,
	      access(file, F_OK) ? "missing" : "there");
	RIGHT(access(part, F_OK), LEAKED, "the part of a file is left");
	unlink(file);
}

/* ---- files as arrays ---- */

#define FILE_ROWS 50

static int fill_row(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const sheaf_array *array = context;

	(void)task;
	for (size_t i = 2 * begin; i < 2 * end; i++)
		((double *)array->data)[i] = (double)i;
	return 0;
}

static int check_row(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const sheaf_array *array = context;

	for (size_t i = 2 * begin; i < 2 * end; i++)
		if (((const double *)array->data)[i] != (double)i)
			return sheaf_task_fail(task, -EDOM, "item %zu is %g", i, ((const double *)array->data)[i]);
	return 0;
}

/* Run over the rows. A worker that cannot map the file dies, and reads nothing wrong. */
static int run_over(sheaf_pool *pool, sheaf_range_fn *fn, sheaf_array *array)
{
	const sheaf_map_options options = {.context_size = sizeof(*array), .max_attempts = 1, .on_error = SHEAF_CANCEL_REST};

	return judge_first(LIBRARY(sheaf_for(pool, fn, array, FILE_ROWS, &options)), AS_RUN, "sheaf_for");
}

static void map_made(sheaf_pool *pool, const char *file)
{
	sheaf_array array = {.shape = {77}};
	int r;

	TRY(r, AS_FILE, sheaf_array_map(&array, pool, file, &(sheaf_file_options){.access = SHEAF_READ_WRITE}));
	if (r < 0) {
		RIGHT(!array.data && array.shape[0] == 77, WRONG, "sheaf_array_map: fails and changes the array");
		return;
	}
	run_over(pool, check_row, &array);
	TRY(r, AS_FILE, sheaf_array_free(&array, pool));
}

static void append_to(const char *file)
{
	double more[] = {2 * FILE_ROWS, 2 * FILE_ROWS + 1};
	sheaf_array rows;
	int r;

	RIGHT(!sheaf_array_view(&rows, more, SHEAF_F64, 0, 2, (size_t[]){1, 2}), WRONG, "no view: %s", sheaf_message());
	TRY(r, AS_FILE, sheaf_npy_append(file, &rows));
	(void)r;
}

void path_map_files(void)
{
	sheaf_pool *pool = step_create();
	char file[64], part[80];
	sheaf_array array = {0};
	int r;

	if (!pool)
		return;
	snprintf(file, sizeof(file), "faults-map-%ld.npy", (long)getpid());
	snprintf(part, sizeof(part), "%s.part", file);
	TRY(r, AS_FILE, sheaf_array_create_file(&array, pool, file, SHEAF_F64, 0, 2, (size_t[]){2 * FILE_ROWS, 2}));
	if (r >= 0) {
		bool filled = run_over(pool, fill_row, &array) >= 0;

		r = judge_first(LIBRARY(sheaf_array_finish(&array, pool, FILE_ROWS, true)), AS_FILE, "sheaf_array_finish");
		if (r >= 0 && filled) {
			map_made(pool, file);
			append_to(file);
			map_made(pool, file);
		}
		if (array.data)
			LIBRARY(sheaf_array_free(&array, pool));
	}
	RIGHT(access(part, F_OK), LEAKED, "the part of a file is left");
	unlink(file);
	step_destroy(pool);
}

void path_archive(void)
{
	static const char *const names[] = {"one", "two"};
	double values[] = {0, 1, 2, 3, 4, 5};
	sheaf_pool *pool = step_create();
	sheaf_array arrays[2], loaded = {0};
	sheaf_member members[2];
	char file[64], part[80];
	size_t count = 77;
	int r;

	if (!pool)
		return;
	snprintf(file, sizeof(file), "faults-%ld.npz", (long)getpid());
	snprintf(part, sizeof(part), "%s.part", file);
	RIGHT(!sheaf_array_view(&arrays[0], values, SHEAF_F64, 0, 2, (size_t[]){3, 2}) &&
		      !sheaf_array_slice(&arrays[1], &arrays[0], 0, 2, 3, -1),
	      WRONG, "no view: %s", sheaf_message());
	TRY(r, AS_SAVE, sheaf_npz_save(file, names, arrays, 2));
	RIGHT(access(part, F_OK), LEAKED, "the part of a file is left");
	if (r >= 0) {
		TRY(r, AS_FILE, sheaf_npz_list(file, members, 2, &count));
		RIGHT(count == (r < 0 ? 77 : 2), WRONG, "sheaf_npz_list: %d, and the count is %zu", r, count);
		TRY(r, AS_LOAD, sheaf_array_load(&loaded, pool, file, &(sheaf_load_options){.member = "two"}));
		RIGHT(r < 0 || ((double *)loaded.data)[0] == 4, WRONG, "the array is another one");
		if (r >= 0)
			LIBRARY(sheaf_array_free(&loaded, pool));
	}
	unlink(file);
	step_destroy(pool);
}
