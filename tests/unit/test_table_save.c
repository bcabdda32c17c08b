/*
 * test_table_save.c - tables as CSV files: the text, that it reads back the same, and what is
 * refused.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "one_file.h"
#include "pools.h"
#include "sheaf_table.h"
#include "support/rng.h"

static char part[160];
static sheaf_table table;

static void set_up(void)
{
	begin();
	start_workers(2);
	make_file();
	snprintf(part, sizeof(part), "%s.part", path);
}

static void tear_down(void)
{
	cr_assert_neq(access(part, F_OK), 0, "%s is left", part);
	unlink(path);
	end();
}

TestSuite(table_save, .init = set_up, .fini = tear_down);

static const char *read_back(void)
{
	static char text[4096];
	FILE *file = fopen(path, "rb");
	size_t size;

	cr_assert_not_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	text[size] = '\0';
	fclose(file);
	return text;
}

/* A column of a few values. */
static sheaf_column make(const char *name, enum sheaf_number type, size_t size, size_t n, const void *values)
{
	sheaf_column column = {.name = name};

	cr_assert_eq(sheaf_array_create(&column.values, pool, type, type == SHEAF_BYTES ? size : 0, 1, &n), 0, "%s",
		     sheaf_message());
	memcpy(column.values.data, values, n * size);
	return column;
}

static void expect(const sheaf_table *what, const sheaf_table_format *format, const char *wanted)
{
	int r = sheaf_table_save(what, pool, path, format);

	cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
	cr_assert_str_eq(read_back(), wanted);
}

Test(table_save, writes_values_of_each_type)
{
	sheaf_column columns[] = {
		make("f8", SHEAF_F64, 8, 2, (double[]){0.1, (double)NAN}),
		make("f4", SHEAF_F32, 4, 2, (float[]){0.1f, 3}),
		make("i8", SHEAF_I64, 8, 2, (int64_t[]){INT64_MIN, INT64_MAX}),
		make("u8", SHEAF_U64, 8, 2, (uint64_t[]){0, UINT64_MAX}),
		make("i4", SHEAF_I32, 4, 2, (int32_t[]){INT32_MIN, INT32_MAX}),
		make("u4", SHEAF_U32, 4, 2, (uint32_t[]){1, UINT32_MAX}),
		make("i2", SHEAF_I16, 2, 2, (int16_t[]){INT16_MIN, INT16_MAX}),
		make("u2", SHEAF_U16, 2, 2, (uint16_t[]){2, UINT16_MAX}),
		make("i1", SHEAF_I8, 1, 2, (int8_t[]){INT8_MIN, INT8_MAX}),
		make("u1", SHEAF_U8, 1, 2, (uint8_t[]){3, UINT8_MAX}),
		make("b1", SHEAF_BOOL, 1, 2, (bool[]){true, false}),
		make("S3", SHEAF_BYTES, 3, 2, "a\0\0abc"),
	};

	table = (sheaf_table){.rows = 2, .column_count = 12, .columns = columns};
	expect(&table, NULL,
	       "f8,f4,i8,u8,i4,u4,i2,u2,i1,u1,b1,S3\n"
	       "0.1,0.1,-9223372036854775808,0,-2147483648,1,-32768,2,-128,3,true,a\n"
	       ",3.0,9223372036854775807,18446744073709551615,2147483647,4294967295,32767,65535,127,255,false,abc\n");
}

Test(table_save, puts_quotes_where_they_are_needed)
{
	sheaf_column columns[] = {make("a,b", SHEAF_BYTES, 4, 5, "x\0\0\0a\"b\0a\nb\0 x\0\0\0\0\0\0"),
				  make("\"", SHEAF_BYTES, 1, 5, "12;,\r")};

	table = (sheaf_table){.rows = 5, .column_count = 2, .columns = columns};
	expect(&table, NULL, "\"a,b\",\"\"\"\"\nx,1\n\"a\"\"b\",2\n\"a\nb\",;\n\" x\",\",\"\n,\"\r\"\n");
	expect(&table, &(sheaf_table_format){.separator = ';', .crlf = true, .no_header = true},
	       "x;1\r\n\"a\"\"b\";2\r\n\"a\nb\";\";\"\r\n\" x\";,\r\n;\"\r\"\r\n");
	table = (sheaf_table){.rows = 5, .column_count = 1, .columns = columns};
	expect(&table, &(sheaf_table_format){.no_header = true}, "x\n\"a\"\"b\"\n\"a\nb\"\n\" x\"\n\"\"\n");
}

Test(table_save, writes_missing_values_and_codes)
{
	sheaf_column columns[] = {make("n", SHEAF_I32, 4, 3, (int32_t[]){1, 0, 3}),
				  make("c", SHEAF_I32, 4, 3, (int32_t[]){1, -1, 0}),
				  make("x", SHEAF_F64, 8, 3, (double[]){1.5, (double)NAN, -2})};

	columns[0].missing = make("", SHEAF_BOOL, 1, 3, (bool[]){false, true, false}).values;
	columns[1].texts = make("", SHEAF_BYTES, 2, 2, "xyz\0").values;
	table = (sheaf_table){.rows = 3, .column_count = 3, .columns = columns};
	expect(&table, &(sheaf_table_format){.missing = "NA", .decimal = ',', .separator = ';'},
	       "n;c;x\n1;z;1,5\nNA;NA;NA\n3;xy;-2,0\n");
}

/* NumPy, and files that are mapped, may have any byte for true. */
Test(table_save, writes_any_byte_for_true)
{
	sheaf_column columns[] = {make("b", SHEAF_BOOL, 1, 5, (uint8_t[]){0, 1, 2, 128, 255}),
				  make("n", SHEAF_I32, 4, 5, (int32_t[]){1, 2, 3, 4, 5})};

	columns[1].missing = make("", SHEAF_BOOL, 1, 5, (uint8_t[]){0, 1, 2, 128, 0}).values;
	table = (sheaf_table){.rows = 5, .column_count = 2, .columns = columns};
	expect(&table, NULL, "b,n\nfalse,1\ntrue,\ntrue,\ntrue,\ntrue,5\n");
}

Test(table_save, writes_views)
{
	sheaf_column column = make("v", SHEAF_I32, 4, 6, (int32_t[]){0, 1, 2, 3, 4, 5});

	cr_assert_eq(sheaf_array_slice(&column.values, &column.values, 0, 5, 3, -2), 0);
	table = (sheaf_table){.rows = 3, .column_count = 1, .columns = &column};
	expect(&table, NULL, "v\n5\n3\n1\n");
	table.rows = 0;
	column.values.shape[0] = 0;
	expect(&table, NULL, "v\n");
}

Test(table_save, reads_back_the_same)
{
	enum { ROWS = 100000 };
	struct rng rng = {.state = 5};
	double *doubles = malloc(ROWS * sizeof(double));
	int64_t *numbers = malloc(ROWS * sizeof(int64_t));
	char *texts = malloc(ROWS * 4);
	sheaf_column columns[3];
	sheaf_table back;

	cr_assert(doubles && numbers && texts);
	for (size_t i = 0; i < ROWS; i++) {
		uint64_t bits = rng_next(&rng);

		memcpy(&doubles[i], &bits, sizeof(bits));
		/* A NaN would be missing. */
		doubles[i] = isnan(doubles[i]) ? 0.5 : doubles[i];
		numbers[i] = (int64_t)rng_next(&rng);
		for (unsigned k = 0; k < 4; k++)
			texts[4 * i + k] = "ab,\"\n\r 5"[rng_below(&rng, 8)];
	}
	columns[0] = make("x", SHEAF_F64, 8, ROWS, doubles);
	columns[1] = make("n", SHEAF_I64, 8, ROWS, numbers);
	columns[2] = make("t", SHEAF_BYTES, 4, ROWS, texts);
	table = (sheaf_table){.rows = ROWS, .column_count = 3, .columns = columns};
	cr_assert_eq(sheaf_table_save(&table, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_table_load(&back, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(back.rows, ROWS);
	cr_assert_eq(back.columns[0].values.type, SHEAF_F64);
	cr_assert_eq(memcmp(back.columns[0].values.data, doubles, ROWS * sizeof(double)), 0);
	cr_assert_eq(memcmp(back.columns[1].values.data, numbers, ROWS * sizeof(int64_t)), 0);
	cr_assert_eq(back.columns[2].values.item_size, 4);
	cr_assert_eq(memcmp(back.columns[2].values.data, texts, ROWS * 4), 0);
	free(doubles);
	free(numbers);
	free(texts);
}

Test(table_save, keeps_the_old_file_when_it_fails)
{
	enum { ROWS = 100000 };
	const size_t rows = ROWS;
	sheaf_column column = {.name = "n"};
	struct rlimit limit;
	FILE *file = fopen(path, "wb");

	cr_assert_not_null(file);
	fputs("old", file);
	fclose(file);
	cr_assert_eq(sheaf_array_create(&column.values, pool, SHEAF_I64, 0, 1, &rows), 0);
	table = (sheaf_table){.rows = ROWS, .column_count = 1, .columns = &column};
	cr_assert_eq(sheaf_table_save(&table, pool, "/nonexistent/file", NULL), -ENOENT);
	/* The file may not grow so long, as if the disk were full. */
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 100000, .rlim_max = limit.rlim_max}), 0);
	cr_assert_eq(sheaf_table_save(&table, pool, path, NULL), -EFBIG, "%s", sheaf_message());
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_str_eq(read_back(), "old");
}

Test(table_save, refuses_what_it_cannot_write)
{
	sheaf_column column = make("v", SHEAF_I32, 4, 1, (int32_t[]){7}), wrong = column;
	int32_t outside = 1;

	table = (sheaf_table){.rows = 1, .column_count = 1, .columns = &column};
	cr_assert_eq(sheaf_table_save(NULL, pool, path, NULL), -EINVAL);
	cr_assert_eq(sheaf_table_save(&table, NULL, path, NULL), -EINVAL);
	cr_assert_eq(sheaf_table_save(&table, pool, NULL, NULL), -EINVAL);
	cr_assert_eq(sheaf_table_save(&(sheaf_table){.rows = 2, .column_count = 1, .columns = &column}, pool, path, NULL),
		     -EINVAL);
	cr_assert_eq(sheaf_table_save(&(sheaf_table){.rows = 1}, pool, path, NULL), -EINVAL);
	cr_assert_eq(sheaf_table_save(&table, pool, path, &(sheaf_table_format){.separator = '.'}), -EINVAL);
	cr_assert_eq(sheaf_table_save(&table, pool, path, &(sheaf_table_format){.decimal = '"'}), -EINVAL);
	table.columns = &wrong;
	wrong.name = NULL;
	cr_assert_eq(sheaf_table_save(&table, pool, path, NULL), -EINVAL);
	wrong = column;
	wrong.values.type = SHEAF_F16;
	wrong.values.item_size = 2;
	cr_assert_eq(sheaf_table_save(&table, pool, path, NULL), -EINVAL);
	wrong = column;
	wrong.missing = column.values;
	cr_assert_eq(sheaf_table_save(&table, pool, path, NULL), -EINVAL);
	wrong = column;
	wrong.texts = column.values;
	cr_assert_eq(sheaf_table_save(&table, pool, path, NULL), -EINVAL);
	wrong = column;
	cr_assert_eq(sheaf_array_view(&wrong.values, &outside, SHEAF_I32, 0, 1, (size_t[]){1}), 0);
	cr_assert_eq(sheaf_table_save(&table, pool, path, NULL), -EFAULT);
}
