/*
 * test_csv.c - tables from CSV files: what is accepted, and the code and message of everything that
 * is not.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "one_file.h"
#include "sheaf_data.h"
#include "sheaf_workers.h"
#include "support/rng.h"

static sheaf_pool *pool;
static sheaf_array array;

static void set_up(void)
{
	cr_assert_eq(sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .heap_size = 16 << 20}), 0, "%s",
		     sheaf_message());
	make_file();
}

static void tear_down(void)
{
	unlink(path);
	sheaf_pool_destroy(pool);
}

/* A skipped test does not get to its end. */
static void skip(const char *reason)
{
	tear_down();
	cr_skip_test("%s", reason);
}

TestSuite(csv, .init = set_up, .fini = tear_down);

static int load_bytes_with(const char *bytes, size_t size, const sheaf_load_options *options)
{
	fill_file(bytes, size);
	return sheaf_array_load(&array, pool, path, options);
}

static int load_bytes(const char *bytes, size_t size)
{
	return load_bytes_with(bytes, size, NULL);
}

static int load_with(const char *text, const sheaf_load_options *options)
{
	return load_bytes_with(text, strlen(text), options);
}

static int load(const char *text)
{
	return load_bytes(text, strlen(text));
}

static void expect(size_t rows, size_t columns, ...)
{
	va_list values;

	cr_assert_eq(array.shape[0], rows, "%zu rows", array.shape[0]);
	cr_assert_eq(array.shape[1], columns, "%zu columns", array.shape[1]);
	va_start(values, columns);
	for (size_t i = 0; i < rows * columns; i++) {
		double value = va_arg(values, double);

		cr_assert_eq(((const double *)array.data)[i], value, "value %zu is %.17g, not %.17g", i,
			     ((const double *)array.data)[i], value);
	}
	va_end(values);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	cr_assert_null(array.data);
}

static void expect_load(const char *text, size_t rows, size_t columns, double a, double b, double c, double d)
{
	cr_assert_eq(load(text), 0, "%s", sheaf_message());
	expect(rows, columns, a, b, c, d);
}

/* The message is the file's name and then @text; the array is untouched. */
static void expect_failure(int code, int wanted, const char *text)
{
	char message[256];

	snprintf(message, sizeof(message), "%s: %s", path, text);
	cr_assert_eq(code, wanted, "%d instead of %d: %s", code, wanted, sheaf_message());
	cr_assert_str_eq(sheaf_message(), message);
	cr_assert_null(array.data);
	cr_assert_eq(array.shape[0], 0);
}

Test(csv, reads_rows_of_numbers)
{
	expect_load("1,2\n3,4\n", 2, 2, 1, 2, 3, 4);
	expect_load("1\n2\n3\n4\n", 4, 1, 1, 2, 3, 4);
	expect_load("-1.5e-3,+2,.5,3.\n", 1, 4, -1.5e-3, 2, 0.5, 3);
}

Test(csv, accepts_any_line_end_and_none_at_the_end_of_the_file)
{
	expect_load("1,2\r\n3,4\r\n", 2, 2, 1, 2, 3, 4);
	expect_load("1,2\n3,4", 2, 2, 1, 2, 3, 4);
	expect_load("1,2\r\n3,4\r", 2, 2, 1, 2, 3, 4);
}

Test(csv, skips_a_header_and_blank_lines)
{
	expect_load("x,y\n1,2\n3,4\n", 2, 2, 1, 2, 3, 4);
	expect_load("\"a, or b\",\"say \"\"y\"\"\"\n1,2\n3,4\n", 2, 2, 1, 2, 3, 4);
	expect_load("info,nanometers\n1,2\n3,4\n", 2, 2, 1, 2, 3, 4);
	expect_load(",y\n1,2\n3,4\n", 2, 2, 1, 2, 3, 4);
	expect_load("\n \r\nx,y\n\n1,2\n\t\n3,4\n\n", 2, 2, 1, 2, 3, 4);
}

Test(csv, skips_a_byte_order_mark)
{
	expect_load("\xef\xbb\xbf"
		    "1,2\n3,4\n",
		    2, 2, 1, 2, 3, 4);
	expect_load("\xef\xbb\xbf", 0, 0, 0, 0, 0, 0);
}

Test(csv, accepts_spaces_and_quotes_around_numbers)
{
	expect_load(" 1 ,\t2\n 3, 4 \n", 2, 2, 1, 2, 3, 4);
	expect_load("\"1\",\" 2 \"\n \"3\" ,4\n", 2, 2, 1, 2, 3, 4);
}

Test(csv, accepts_infinity_and_not_a_number)
{
	cr_assert_eq(load("inf,-inf\nnan,1\n"), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], 2);
	cr_assert_eq(((const double *)array.data)[0], HUGE_VAL);
	cr_assert_eq(((const double *)array.data)[1], -HUGE_VAL);
	cr_assert(isnan(((const double *)array.data)[2]));
	cr_assert_eq(((const double *)array.data)[3], 1);
}

Test(csv, reads_infinity_and_not_a_number_in_any_case)
{
	cr_assert_eq(load("Inf,-INFINITY\nNaN,-nan\n"), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], 2);
	cr_assert_eq(((const double *)array.data)[0], HUGE_VAL);
	cr_assert_eq(((const double *)array.data)[1], -HUGE_VAL);
	cr_assert(isnan(((const double *)array.data)[2]) && isnan(((const double *)array.data)[3]));
}

Test(csv, refuses_hexadecimal_numbers_and_payloads)
{
	static const char *const bad[] = {"0x1F", "-0X1p3", "+0x", "nan(123)", "NAN()"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[40], message[80];

		snprintf(text, sizeof(text), "1,2\n3,%s\n", bad[i]);
		snprintf(message, sizeof(message), "line 2, column 2: \"%s\" is not a number", bad[i]);
		expect_failure(load(text), -EBADMSG, message);
	}
	expect_failure(load("0x1F,0x2F\n1,2\n"), -EBADMSG, "line 1, column 1: \"0x1F\" is not a number");
}

#define HINT "; name it in options.missing to read it as NaN"

Test(csv, does_not_take_a_row_of_missing_values_for_a_header)
{
	static const char *const texts[] = {"NA", "-", "n/a", "#N/A", "<NA>", "null", "None", "nil", "missing", ".", "?", "--"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[40], message[120];

		snprintf(text, sizeof(text), "%s,%s\n1,2\n", texts[i], texts[i]);
		snprintf(message, sizeof(message), "line 1, column 1: \"%s\" is not a number" HINT, texts[i]);
		expect_failure(load(text), -EBADMSG, message);
	}
	expect_failure(load("NA,5\n1,2\n"), -EBADMSG, "line 1, column 1: \"NA\" is not a number" HINT);
	expect_failure(load("1,2\n3,-\n"), -EBADMSG, "line 2, column 2: \"-\" is not a number" HINT);
	/* One name among them is enough. */
	expect_load("x,NA\n1,2\n3,4\n", 2, 2, 1, 2, 3, 4);
	expect_load("\xc3\xa9\n1\n2\n3\n4\n", 4, 1, 1, 2, 3, 4);
}

Test(csv, reads_as_nan_what_it_is_told_is_missing)
{
	static const char *const missing[] = {"NA", "-999", "", "not there", NULL};
	const sheaf_load_options options = {.missing = missing};

	cr_assert_eq(load_with("NA,-999\n\"NA\", NA \n,not there\n-999.0,-9990\n", &options), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], 4);
	cr_assert_eq(array.shape[1], 2);
	for (int i = 0; i < 6; i++)
		cr_assert(isnan(((const double *)array.data)[i]), "value %d is %g", i, ((const double *)array.data)[i]);
	cr_assert_eq(((const double *)array.data)[6], -999);
	cr_assert_eq(((const double *)array.data)[7], -9990);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	expect_failure(load_with("1,2\nna,4\n", &options), -EBADMSG, "line 2, column 1: \"na\" is not a number" HINT);
	expect_failure(load_with("1,2\nNA\n", &options), -EBADMSG,
		       "line 2, column 2: is missing; the lines before have 2 columns");
	expect_failure(load_with("1,2\n3,NA,\n", &options), -EBADMSG,
		       "line 2, column 3: a field too many; the lines before have 2");
}

Test(csv, has_a_header_or_none_if_told)
{
	const sheaf_load_options yes = {.header = SHEAF_HEADER_YES}, no = {.header = SHEAF_HEADER_NO};
	const sheaf_load_options wrong = {.header = (enum sheaf_header)3};

	cr_assert_eq(load_with("\n2023,2024\n1,2\n3,4\n", &yes), 0, "%s", sheaf_message());
	expect(2, 2, 1.0, 2.0, 3.0, 4.0);
	cr_assert_eq(load_with("-,-\n1,2\n", &yes), 0, "%s", sheaf_message());
	expect(1, 2, 1.0, 2.0);
	cr_assert_eq(load_with("1,2\n", &yes), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], 0);
	cr_assert_eq(load_with("1,2\n", &no), 0, "%s", sheaf_message());
	expect(1, 2, 1.0, 2.0);
	expect_failure(load_with("x,y\n1,2\n", &no), -EBADMSG, "line 1, column 1: \"x\" is not a number");
	cr_assert_eq(load_with("1,2\n", &wrong), -EINVAL);
	cr_assert_str_eq(sheaf_message(), "sheaf_array_load: options.header is 3, at most 2");
}

Test(csv, reads_every_digit)
{
	expect_load("0.1,0.30000000000000004\n1.7976931348623157e308,5e-324\n", 2, 2, 0.1, 0.30000000000000004,
		    1.7976931348623157e308, 5e-324);
}

Test(csv, leaves_no_row_of_an_empty_file)
{
	expect_load("", 0, 0, 0, 0, 0, 0);
	expect_load("\n\n", 0, 0, 0, 0, 0, 0);
	expect_load("x,y\n", 0, 2, 0, 0, 0, 0);
}

Test(csv, reads_more_than_its_buffer_holds)
{
	enum { ROWS = 30000, COLUMNS = 3 };
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	for (int i = 0; i < ROWS * COLUMNS; i++)
		fprintf(file, "%d.25%c", i, i % COLUMNS == COLUMNS - 1 ? '\n' : ',');
	cr_assert_eq(fclose(file), 0);

	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], ROWS);
	cr_assert_eq(array.shape[1], COLUMNS);
	for (int i = 0; i < ROWS * COLUMNS; i++)
		cr_assert_eq(((const double *)array.data)[i], i + 0.25, "value %d is %g", i, ((const double *)array.data)[i]);
}

Test(csv, reads_a_line_longer_than_its_buffer)
{
	enum { COLUMNS = 200000 };
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	for (int i = 0; i < COLUMNS; i++)
		fprintf(file, "%d%s", i, i < COLUMNS - 1 ? "," : "");
	cr_assert_eq(fclose(file), 0);

	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], 1);
	cr_assert_eq(array.shape[1], COLUMNS);
	for (int i = 0; i < COLUMNS; i++)
		cr_assert_eq(((const double *)array.data)[i], i);
}

/*
 * A pipe has no size, so its table grows. What is written fits into the pipe, so no second process
 * is needed.
 */
Test(csv, reads_a_pipe)
{
	enum { ROWS = 5000 };
	int ends[2];
	char name[32];
	FILE *writer;

	cr_assert_eq(pipe(ends), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	if (access(name, R_OK) != 0)
		skip("no /dev/fd here");
	writer = fdopen(ends[1], "w");
	cr_assert_not_null(writer);
	for (int i = 0; i < ROWS; i++)
		fprintf(writer, "%d,7\n", i);
	cr_assert_eq(fclose(writer), 0);

	cr_assert_eq(sheaf_array_load(&array, pool, name, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], ROWS);
	for (int i = 0; i < ROWS; i++) {
		cr_assert_eq(((const double *)array.data)[2 * i], i);
		cr_assert_eq(((const double *)array.data)[2 * i + 1], 7);
	}
	close(ends[0]);
}

Test(csv, does_not_depend_on_the_locale)
{
	static const char *const with_comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "fr_FR.utf8"};

	for (size_t i = 0; i < sizeof(with_comma) / sizeof(with_comma[0]); i++)
		if (setlocale(LC_ALL, with_comma[i]) != NULL)
			break;
	if (strcmp(localeconv()->decimal_point, ",") != 0)
		skip("no locale with a decimal comma is installed");
	expect_load("1.5,2\n3,4.5\n", 2, 2, 1.5, 2, 3, 4.5);
}

Test(csv, names_file_line_column_and_text_of_a_bad_number)
{
	expect_failure(load("1,2\n3,x4\n"), -EBADMSG, "line 2, column 2: \"x4\" is not a number");
	expect_failure(load("x,y\r\n1,2\r\n\r\n3 4,5\r\n"), -EBADMSG, "line 4, column 1: \"3 4\" is not a number");
	expect_failure(load("1,2\n3,4.5.6"), -EBADMSG, "line 2, column 2: \"4.5.6\" is not a number");
	expect_failure(load("1,2\n\"3\" 4,5\n"), -EBADMSG, "line 2, column 1: \"\"3\" 4\" is not a number");
	expect_failure(load("1,2\n\"3,4\n"), -EBADMSG, "line 2, column 1: \"\"3,4\" is not a number");
	expect_failure(load("1;2\n"), -EBADMSG, "line 1, column 1: \"1;2\" is not a number");
}

Test(csv, refuses_a_first_line_of_names_and_numbers)
{
	expect_failure(load("1,x\n3,4\n"), -EBADMSG, "line 1, column 2: \"x\" is not a number");
	expect_failure(load("1.2.3,4x\n3,4\n"), -EBADMSG, "line 1, column 1: \"1.2.3\" is not a number");
}

Test(csv, refuses_an_empty_field)
{
	expect_failure(load("1,2\n3,\n"), -EBADMSG, "line 2, column 2: the field is empty; a number is wanted");
	expect_failure(load("1,2\n , 4\n"), -EBADMSG, "line 2, column 1: the field is empty; a number is wanted");
	expect_failure(load(",,\n"), -EBADMSG, "line 1, column 1: the field is empty; a number is wanted");
}

Test(csv, refuses_another_count_of_columns)
{
	expect_failure(load("1,2\n3\n"), -EBADMSG, "line 2, column 2: is missing; the lines before have 2 columns");
	expect_failure(load("1,2\n3,4\n5,6,7\n"), -EBADMSG, "line 3, column 3: a field too many; the lines before have 2");
	expect_failure(load("x,y,z\n1,2\n"), -EBADMSG, "line 2, column 3: is missing; the lines before have 3 columns");
}

Test(csv, refuses_what_is_no_text)
{
	expect_failure(load_bytes("1,2\n3,\0004\n", 9), -EBADMSG, "line 2, column 2: \"\\x004\" is not a number");
	expect_failure(load_bytes("PK\003\003\0\0", 6), -EBADMSG,
		       "line 1, column 1: \"PK\\x03\\x03\\x00\\x00\" is not a number");
}

Test(csv, shows_no_control_of_the_file_to_a_terminal)
{
	expect_failure(load("1,2\n3,\x1b[2J\n"), -EBADMSG, "line 2, column 2: \"\\x1b[2J\" is not a number");
	expect_failure(load("1,2\n3,\xc2\x9b"
			    "31m\n"),
		       -EBADMSG, "line 2, column 2: \"\\u009b31m\" is not a number");
	expect_failure(load("1,2\n3,\xe2\x80\xae"
			    "4\n"),
		       -EBADMSG, "line 2, column 2: \"\\u202e4\" is not a number");
	expect_failure(load("1,2\n3,\xc3\xa9\n"), -EBADMSG, "line 2, column 2: \"\xc3\xa9\" is not a number");
	/* Forty bytes, but no half of a character. */
	expect_failure(load("1\naaaaaaaaaabbbbbbbbbbccccccccccddddddddd\xc3\xa9\n"), -EBADMSG,
		       "line 2, column 1: \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddd\"... is not a number");
}

Test(csv, shortens_long_text_in_the_message)
{
	expect_failure(load("1\naaaaaaaaaabbbbbbbbbbccccccccccdddddddddde\n"), -EBADMSG,
		       "line 2, column 1: \"aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd\"... is not a number");
}

Test(csv, reports_a_file_that_is_missing)
{
	unlink(path);
	expect_failure(sheaf_array_load(&array, pool, path, NULL), -ENOENT, "cannot open: No such file or directory");
}

Test(csv, reports_a_file_that_may_not_be_read)
{
	if (geteuid() == 0)
		skip("root may read everything");
	cr_assert_eq(chmod(path, 0), 0);
	expect_failure(sheaf_array_load(&array, pool, path, NULL), -EACCES, "cannot open: Permission denied");
}

Test(csv, reports_a_directory)
{
	unlink(path);
	cr_assert_eq(mkdir(path, 0700), 0);
	expect_failure(sheaf_array_load(&array, pool, path, NULL), -EISDIR, "is a directory, not a data file");
	rmdir(path);
}

Test(csv, reports_a_table_that_is_larger_than_the_heap)
{
	FILE *file = fopen(path, "w");

	/* 2^22 values of 8 bytes are 32 MiB; the heap has 16. */
	cr_assert_not_null(file);
	for (int i = 0; i < 1 << 22; i++)
		fputs("1\n", file);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), -ENOMEM);
	cr_assert_str_not_empty(sheaf_message());
	cr_assert_null(array.data);
}

Test(csv, refuses_null)
{
	cr_assert_eq(sheaf_array_load(NULL, pool, path, NULL), -EINVAL);
	cr_assert_eq(sheaf_array_load(&array, NULL, path, NULL), -EINVAL);
	cr_assert_eq(sheaf_array_load(&array, pool, NULL, NULL), -EINVAL);
	cr_assert_eq(sheaf_array_free(NULL, pool), -EINVAL);
	cr_assert_eq(sheaf_array_free(&array, NULL), -EINVAL);
	cr_assert_str_not_empty(sheaf_message());
}

Test(csv, frees_an_array_without_data)
{
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
}

static size_t heap_used(void)
{
	sheaf_pool_info info;

	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	return info.heap_used;
}

static void write_times(FILE *file, const char *text, int times)
{
	while (times-- > 0)
		fputs(text, file);
}

/* The heap of 16 MiB has room for that, and not for lines times columns. */
Test(csv, holds_memory_for_the_values_alone)
{
	size_t before = heap_used();
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	write_times(file, "1,", 9999);
	fputs("1\n", file);
	write_times(file, "\n", 19999);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], 1);
	cr_assert_eq(array.shape[1], 10000);
	cr_assert_eq(heap_used() - before, 2 * 65536, "%zu bytes", heap_used() - before);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);

	/* A row that ends early takes no memory for its columns. */
	file = fopen(path, "w");
	cr_assert_not_null(file);
	write_times(file, "name,", 1999999);
	fputs("name\n1\n", file);
	cr_assert_eq(fclose(file), 0);
	expect_failure(sheaf_array_load(&array, pool, path, NULL), -EBADMSG,
		       "line 2, column 2: is missing; the lines before have 2000000 columns");
	cr_assert_eq(heap_used(), before);
}

Test(csv, grows_beside_other_memory)
{
	enum { ROWS = 300000 };
	size_t before = heap_used();
	void *neighbours[8];
	FILE *file;

	/* What is free is in pieces: the table cannot grow in place everywhere. */
	for (int i = 0; i < 8; i++)
		cr_assert_eq(sheaf_alloc(pool, 65536, &neighbours[i]), 0);
	for (int i = 0; i < 8; i += 2)
		cr_assert_eq(sheaf_free(pool, neighbours[i]), 0);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	for (int i = 0; i < ROWS; i++)
		fprintf(file, "%d\n", i);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], ROWS);
	for (int i = 0; i < ROWS; i++)
		cr_assert_eq(((const double *)array.data)[i], i);
	cr_assert_eq(heap_used() - before, 4 * 65536 + (ROWS * 8 + 65535) / 65536 * 65536);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	for (int i = 1; i < 8; i += 2)
		cr_assert_eq(sheaf_free(pool, neighbours[i]), 0);
	cr_assert_eq(heap_used(), before);
}

Test(csv, reads_long_lines_and_refuses_a_field_of_a_megabyte)
{
	enum { COLUMNS = 1500000 };
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	write_times(file, "1,", COLUMNS - 1);
	fputs("1", file);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], 1);
	cr_assert_eq(array.shape[1], COLUMNS);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);

	file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs("1,2\n3,0.", file);
	write_times(file, "0000000000", 100000);
	fputs("1\n", file);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	expect(2, 2, 1.0, 2.0, 3.0, 0.0);

	file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs("1,2\n3,\"", file);
	write_times(file, "4,", 600000);
	cr_assert_eq(fclose(file), 0);
	expect_failure(sheaf_array_load(&array, pool, path, NULL), -EBADMSG,
		       "line 2, column 2: the field has more than 1048576 bytes; is a quote not closed?");
}

Test(csv, gives_the_memory_back)
{
	sheaf_pool_info before;
	sheaf_pool_info after;

	cr_assert_eq(sheaf_pool_get_info(pool, &before), 0);
	cr_assert_eq(load("1,2\n3,4\n"), 0);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	expect_failure(load("1,2\n3,x\n"), -EBADMSG, "line 2, column 2: \"x\" is not a number");
	cr_assert_eq(sheaf_pool_get_info(pool, &after), 0);
	cr_assert_eq(after.heap_used, before.heap_used, "%zu bytes are still in use", after.heap_used - before.heap_used);
}

/* ---- long files, which workers read ---- */

/* Write a value that is a number, or is missing, in one of many forms. */
static int write_odd_value(struct rng *rng, char *to)
{
	double number = (double)(int64_t)rng_next(rng) / 1e12;

	switch (rng_below(rng, 24)) {
	case 0:
		return sprintf(to, " \"%.3f\" ", number);
	case 1:
		return sprintf(to, "NA");
	case 2:
		return sprintf(to, "\t%g", number);
	case 3:
		return sprintf(to, rng_below(rng, 2) ? "-inf" : "nan");
	case 4:
		return sprintf(to, "%.40f", number);
	case 5:
		return sprintf(to, "+%d", (int)rng_below(rng, 1000));
	case 6:
		return sprintf(to, "%*s1", (int)rng_below(rng, 2000), "");
	default:
		return sprintf(to, "%.17g", number);
	}
}

/* Make text of so many bytes at least. @flaw: at about that byte something is wrong. */
static char *make_text(struct rng *rng, size_t least, size_t flaw, size_t *size)
{
	static const char *const flaws[] = {"1,2,3,4,5\n", "1\n", "1,x,2\n", "1,\"2,3\n", "1,2,3\0\n", "1,2,\n"};
	static const char *const blanks[] = {"\n", " \t\n", "\r\n", "  \r\n"};
	char *text = malloc(least + 20000);
	size_t at = (size_t)sprintf(text, rng_below(rng, 2) ? "\xef\xbb\xbf"
							      "a,b,c\n"
							    : "\n1,2,3\n");

	while (at < least) {
		if (flaw && at >= flaw) {
			memcpy(text + at, "1,2,3\0\n", 7);
			at += rng_below(rng, 8) ? (size_t)sprintf(text + at, "%s", flaws[rng_below(rng, 6)]) : 7;
			flaw = 0;
		}
		if (rng_below(rng, 64) == 0)
			at += (size_t)sprintf(text + at, "%s", blanks[rng_below(rng, 4)]);
		for (unsigned i = 0; i < 3; i++) {
			at += (size_t)write_odd_value(rng, text + at);
			text[at++] = i < 2 ? ',' : '\n';
		}
		if (rng_below(rng, 16) == 0) {
			text[at - 1] = '\r';
			text[at++] = '\n';
		}
	}
	*size = at - (rng_below(rng, 2) != 0);
	return text;
}

/* Load the text by a pipe, which the caller reads alone. */
static int load_by_pipe(const char *text, size_t size, const sheaf_load_options *options, sheaf_array *loaded)
{
	char name[64];
	int ends[2], r;
	pid_t writer;

	cr_assert_eq(pipe(ends), 0);
	writer = fork();
	cr_assert_geq(writer, 0);
	if (writer == 0) {
		close(ends[0]);
		for (ssize_t n; size > 0 && (n = write(ends[1], text, size)) > 0; size -= (size_t)n)
			text += n;
		_exit(0);
	}
	close(ends[1]);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[0]);
	r = sheaf_array_load(loaded, pool, name, options);
	close(ends[0]);
	waitpid(writer, NULL, 0);
	return r;
}

static const char *message_without_path(void)
{
	const char *colon = strstr(sheaf_message(), ": ");

	return colon ? colon : sheaf_message();
}

Test(csv, a_long_file_is_what_its_bytes_are_by_a_pipe)
{
	static const char *const missing[] = {"NA", NULL};
	const sheaf_load_options options = {.missing = missing};
	struct rng rng = {.state = 1};
	char message[500];

	for (unsigned i = 0; i < 24; i++) {
		size_t size, least = 300000 + rng_below(&rng, 900000), flaw = i % 3 ? 0 : 1000 + rng_below(&rng, least);
		char *text = make_text(&rng, least, flaw, &size);
		sheaf_array piped = {0};
		int r = load_by_pipe(text, size, &options, &piped);

		snprintf(message, sizeof(message), "%s", r ? message_without_path() : "");
		cr_assert_eq(load_bytes_with(text, size, &options), r, "text %u: %s", i, r ? message : sheaf_message());
		if (r) {
			cr_assert_eq(r, -EBADMSG);
			cr_assert_str_eq(message_without_path(), message);
		} else {
			cr_assert_eq(array.shape[0], piped.shape[0]);
			cr_assert_eq(array.shape[1], 3);
			cr_assert_eq(memcmp(array.data, piped.data, array.shape[0] * 24), 0, "text %u", i);
			cr_assert_eq(sheaf_array_free(&piped, pool), 0);
			cr_assert_eq(sheaf_array_free(&array, pool), 0);
		}
		free(text);
	}
}

Test(csv, a_long_file_does_not_wait_for_workers)
{
	struct rng rng = {.state = 2};
	size_t size;
	char *text = make_text(&rng, 600000, 0, &size);
	static const char *const missing[] = {"NA", NULL};

	cr_assert_eq(sheaf_pool_pause(pool), 0);
	cr_assert_eq(load_bytes_with(text, size, &(sheaf_load_options){.missing = missing}), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	cr_assert_eq(sheaf_pool_resume(pool), 0);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	cr_assert_eq(load_bytes_with(text, size, &(sheaf_load_options){.missing = missing}), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	free(text);
}
