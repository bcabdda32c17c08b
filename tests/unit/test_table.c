/*
 * test_table.c - tables from CSV files: what is read, by any number of workers and on any backend,
 * and the code and message of everything that is refused.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "one_file.h"
#include "table/piece.h"
#include "sheaf_table.h"

static sheaf_pool *pool;
static sheaf_table table;

static void start_pool(unsigned workers, enum sheaf_backend backend)
{
	cr_assert_eq(
		sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = workers, .backend = backend, .heap_size = 256 << 20}),
		0, "%s", sheaf_message());
}

static void set_up(void)
{
	start_pool(2, SHEAF_PROCESSES);
	make_file();
}

/* Nothing that a load has taken is left. */
static void check_heap(void)
{
	sheaf_pool_info info;

	cr_assert_eq(sheaf_table_free(&table, pool), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	cr_assert_leq(info.heap_used, info.heap_stocked, "%zu bytes are left", info.heap_used - info.heap_stocked);
}

static void tear_down(void)
{
	check_heap();
	sheaf_pool_destroy(pool);
	unlink(path);
}

TestSuite(table, .init = set_up, .fini = tear_down);

static int load_file(const sheaf_table_options *options)
{
	cr_assert_eq(sheaf_table_free(&table, pool), 0, "%s", sheaf_message());
	return sheaf_table_load(&table, pool, path, options);
}

static int load(const char *text, const sheaf_table_options *options)
{
	fill_file(text, strlen(text));
	return load_file(options);
}

/* ---- Showing ---- */

static char shown[8192];

static void show(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void show(const char *format, ...)
{
	size_t used = strlen(shown);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(shown + used, sizeof(shown) - used, format, arguments);
	va_end(arguments);
}

static void show_bytes(const sheaf_array *array, size_t i)
{
	const char *text = (const char *)array->data + i * array->item_size;

	show("'%.*s'", (int)strnlen(text, array->item_size), text);
}

static void show_value(const sheaf_column *column, size_t i)
{
	const void *at = (const char *)column->values.data + i * column->values.item_size;
	int32_t code;

	if (column->missing.data && ((const bool *)column->missing.data)[i]) {
		show("NA");
		return;
	}
	switch (column->values.type) {
	case SHEAF_F64:
		show("%.17g", *(const double *)at);
		break;
	case SHEAF_F32:
		show("%.9g", (double)*(const float *)at);
		break;
	case SHEAF_I64:
		show("%lld", (long long)*(const int64_t *)at);
		break;
	case SHEAF_U64:
		show("%llu", (unsigned long long)*(const uint64_t *)at);
		break;
	case SHEAF_U32:
		show("%u", (unsigned)*(const uint32_t *)at);
		break;
	case SHEAF_I16:
		show("%d", *(const int16_t *)at);
		break;
	case SHEAF_I8:
		show("%d", *(const int8_t *)at);
		break;
	case SHEAF_U8:
		show("%u", *(const uint8_t *)at);
		break;
	case SHEAF_BOOL:
		show("%s", *(const bool *)at ? "true" : "false");
		break;
	case SHEAF_I32:
		code = *(const int32_t *)at;
		if (!column->texts.data) {
			show("%d", code);
		} else if (code < 0) {
			show("NA");
		} else {
			show("%d", code);
			show_bytes(&column->texts, (size_t)code);
		}
		break;
	default:
		show_bytes(&column->values, i);
	}
}

/* Write "name type | ..." and then each row, in one line. */
static const char *show_table(void)
{
	static const char *const types[] = {[SHEAF_F64] = "f8", [SHEAF_F32] = "f4",  [SHEAF_I64] = "i8", [SHEAF_U64] = "u8",
					    [SHEAF_I32] = "i4", [SHEAF_U32] = "u4",  [SHEAF_I16] = "i2", [SHEAF_I8] = "i1",
					    [SHEAF_U8] = "u1",  [SHEAF_BOOL] = "b1", [SHEAF_BYTES] = "S"};

	shown[0] = '\0';
	for (size_t j = 0; j < table.column_count; j++) {
		const sheaf_array *values = &table.columns[j].values;

		cr_assert_eq(values->dimensions, 1);
		cr_assert_eq(values->shape[0], table.rows);
		show("%s%s %s", j ? "," : "", table.columns[j].name, types[values->type]);
		if (values->type == SHEAF_BYTES)
			show("%zu", values->item_size);
	}
	for (size_t i = 0; i < table.rows; i++)
		for (size_t j = 0; j < table.column_count; j++) {
			show("%s", j ? "," : " | ");
			show_value(&table.columns[j], i);
		}
	return shown;
}

static void expect(const char *text, const sheaf_table_options *options, const char *wanted)
{
	int r = load(text, options);

	cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
	cr_assert_str_eq(show_table(), wanted);
}

/* @message: behind the file's name */
static void refuse(const char *text, const sheaf_table_options *options, int code, const char *message)
{
	int r = load(text, options);

	cr_assert_eq(r, code, "%d: %s", r, sheaf_message());
	cr_assert_eq(strncmp(sheaf_message(), path, strlen(path)), 0, "%s", sheaf_message());
	cr_assert_str_eq(sheaf_message() + strlen(path), message);
}

#define NA                     \
	(const char *const[])  \
	{                      \
		"NA", "", NULL \
	}

/* ---- Text ---- */

Test(table, reads_columns_of_their_types)
{
	expect("id,x,name\n1,0.5,ann\n2,-3,bob\n", NULL, "id i8,x f8,name S3 | 1,0.5,'ann' | 2,-3,'bob'");
}

Test(table, takes_all_line_ends_and_a_mark)
{
	expect("\xef\xbb\xbf"
	       "a,b\r\n1,2\r\n\r\n \t \r\n3,4",
	       NULL, "a i8,b i8 | 1,2 | 3,4");
	expect("a,b\n1,2\n3,4\r", NULL, "a i8,b i8 | 1,2 | 3,4");
}

Test(table, reads_quotes_as_the_standard_says)
{
	expect("a,\"b \"\"c\"\"\"\n\"x,1\",\"line\none\"\n\"\",\"\"\"\"\n", NULL,
	       "a S3,b \"c\" S8 | 'x,1','line\none' | '','\"'");
	expect("\"a\"\n \"5\" \n\"6\"\n", NULL, "a i8 | 5 | 6");
	expect("a,b\n5' 3\",x\n", &(sheaf_table_options){.plain = true}, "a S5,b S1 | '5' 3\"','x'");
}

Test(table, takes_other_characters)
{
	expect("a;b\n1,5;2\n", &(sheaf_table_options){.separator = ';', .decimal = ','}, "a f8,b i8 | 1.5,2");
	expect("a\tb\n\t2\n1\t\n", &(sheaf_table_options){.separator = '\t', .missing = NA}, "a i8,b i8 | NA,2 | 1,NA");
}

Test(table, passes_over_comments_and_lines)
{
	expect("made \"by hand\na,b\n# a \"comment\n1,2\n#\n3,\"#4\"\n", &(sheaf_table_options){.skip = 1, .comment = '#'},
	       "a i8,b S2 | 1,'2' | 3,'#4'");
}

Test(table, names_columns_without_a_header)
{
	expect("1,x\n2,y\n", NULL, "V1 i8,V2 S1 | 1,'x' | 2,'y'");
	expect("a,b\n", &(sheaf_table_options){.header = SHEAF_HEADER_NO}, "V1 S1,V2 S1 | 'a','b'");
	expect("1,\n3,4\n", &(sheaf_table_options){.header = SHEAF_HEADER_YES}, "1 i8,V2 i8 | 3,4");
	expect("a,b\n", NULL, "a f8,b f8");
	/* Spreadsheets have names of several lines. Other control characters are no text. */
	expect("\"sales\r\n2020\",\"a\nb\"\n1,2\n", NULL, "sales\r\n2020 i8,a\nb i8 | 1,2");
	expect("a\x01,b\nc,d\n", NULL, "V1 S2,V2 S1 | 'a\x01','b' | 'c','d'");
}

/* ---- Types ---- */

Test(table, guesses_types)
{
	expect("a,b,c,d,e\n1,1,-0,9223372036854775808,1e3\n2,inf,1,1,x\n", NULL,
	       "a i8,b f8,c f8,d f8,e S3 | 1,1,-0,9.2233720368547758e+18,'1e3' | 2,inf,1,1,'x'");
	expect("a,b\nNA,NA\n,x\n", &(sheaf_table_options){.missing = NA}, "a f8,b S1 | nan,NA | nan,'x'");
}

Test(table, reads_types_that_are_given)
{
	const sheaf_column_option columns[] = {
		{.name = "a", .as = SHEAF_TYPED, .type = SHEAF_U8},
		{.name = "b", .as = SHEAF_TYPED, .type = SHEAF_BOOL},
		{.number = 3, .as = SHEAF_TYPED, .type = SHEAF_F32},
		{.name = "d", .as = SHEAF_TYPED, .type = SHEAF_BYTES, .item_size = 4},
		{.name = "e", .as = SHEAF_CODED},
		{.name = "f", .as = SHEAF_TYPED, .type = SHEAF_U64},
		{.name = "g", .as = SHEAF_TYPED, .type = SHEAF_I16},
		{.name = "h", .as = SHEAF_LEFT_OUT},
	};

	expect("a,b,c,d,e,f,g,h\n255,TRUE,0.1,1,x,18446744073709551615,-32768,?\n0,0,3,22,y,0,+7,?\n1,False,3,22,x,0,-0,?\n",
	       &(sheaf_table_options){.columns = columns, .column_count = 8},
	       "a u1,b b1,c f4,d S4,e i4,f u8,g i2 | 255,true,0.100000001,'1',0'x',18446744073709551615,-32768 | "
	       "0,false,3,'22',1'y',0,7 | 1,false,3,'22',0'x',0,0");
}

Test(table, reads_chosen_columns_and_rows)
{
	const sheaf_column_option columns[] = {{.name = "c"}, {.name = "a"}};
	const char text[] = "a,b,c,d\n1,?,3,?\n4,\"\n\",6,?,?\n7,?,9\n";

	expect(text, &(sheaf_table_options){.columns = columns, .column_count = 2, .only = true},
	       "c i8,a i8 | 3,1 | 6,4 | 9,7");
	expect(text,
	       &(sheaf_table_options){.columns = columns, .column_count = 2, .only = true, .first_row = 1, .row_count = 1},
	       "c i8,a i8 | 6,4");
	expect(text, &(sheaf_table_options){.columns = columns, .column_count = 1, .only = true, .first_row = 9}, "c i8");
}

Test(table, joins_texts_as_codes)
{
	expect("a,b\nx,1\ny,2\n,3\nx,4\n\"z\"\"\",5\n", &(sheaf_table_options){.code = true, .missing = NA},
	       "a i4,b i8 | 0'x',1 | 1'y',2 | NA,3 | 0'x',4 | 2'z\"',5");
}

/* In an array zeros fill a text up, so those of the file cannot be told from them. */
Test(table, leaves_out_zeros_behind_a_text)
{
	static const char text[] = "a,b\nx\0\0,1\nx,2\n\"x\0\",3\n\0,4\n\"\",5\ny\0z,6\n";
	const sheaf_column_option wide = {.name = "a", .as = SHEAF_TYPED, .type = SHEAF_BYTES, .item_size = 1};

	fill_file(text, sizeof(text) - 1);
	cr_assert_eq(load_file(&(sheaf_table_options){.code = true}), 0, "%s", sheaf_message());
	cr_assert_eq(memcmp(table.columns[0].values.data, (int32_t[]){0, 0, 0, 1, 1, 2}, 6 * sizeof(int32_t)), 0);
	cr_assert_eq(table.columns[0].texts.shape[0], 3);
	fill_file(text, sizeof(text) - 1 - sizeof("y\0z,6"));
	cr_assert_eq(load_file(&(sheaf_table_options){.columns = &wide, .column_count = 1}), 0, "%s", sheaf_message());
	cr_assert_eq(memcmp(table.columns[0].values.data, "xxx\0\0", 5), 0);
}

/* ---- Other files ---- */

/* Read as CSV, compressed data would be rows of texts. */
Test(table, refuses_what_is_no_csv)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *message;
	} files[] = {
		{"\x1f\x8b\x08\0\n\n", 6, "compressed by gzip: decompress it"},
		{"\x28\xb5\x2f\xfd\n", 5, "compressed by zstd"},
		{"\xfd"
		 "7zXZ\n",
		 6, "compressed by xz"},
		{"BZh91AY\n", 8, "compressed by bzip2"},
		{"\xff\xfe"
		 "a\0\n\0",
		 6, "text in UTF-16: convert it"},
		{"\xfe\xff\0a\0\n", 6, "text in UTF-16"},
		{"PK\3\4\n", 5, "a ZIP archive"},
		{"\x93NUMPY\1\0", 8, "an .npy file"},
		{"PAR1\x15\n", 6, "a Parquet file"},
		{"\x89HDF\n", 5, "an HDF5 file"},
	};
	sheaf_array array;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		fill_file(files[i].bytes, files[i].size);
		cr_assert_eq(load_file(NULL), -EBADMSG, "file %zu", i);
		cr_assert_not_null(strstr(sheaf_message(), files[i].message), "%s", sheaf_message());
		if (i >= 6)
			continue;
		cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), -EBADMSG, "file %zu", i);
		cr_assert_not_null(strstr(sheaf_message(), files[i].message), "%s", sheaf_message());
	}
	expect("BZh9,PAR1\n1,2\n", NULL, "BZh9 i8,PAR1 i8 | 1,2");
}

/* ---- Faults ---- */

Test(table, says_where_a_fault_is)
{
	const sheaf_column_option byte = {.name = "a", .as = SHEAF_TYPED, .type = SHEAF_I8};
	const sheaf_column_option text = {.name = "a", .as = SHEAF_TYPED, .type = SHEAF_BYTES, .item_size = 2};
	const sheaf_column_option flag = {.name = "a", .as = SHEAF_TYPED, .type = SHEAF_BOOL};
	const sheaf_column_option number = {.name = "a", .as = SHEAF_TYPED};

	refuse("a,b\n1,\"\n\"\n\n128,2\n", &(sheaf_table_options){.columns = &byte, .column_count = 1}, -EBADMSG,
	       ": line 5, column 1: \"128\" is not a whole number from -128 to 127");
	refuse("a\nabc\n", &(sheaf_table_options){.columns = &text, .column_count = 1}, -EBADMSG,
	       ": line 2, column 1: \"abc\" has 3 bytes, and the column takes 2");
	refuse("a\nyes\n", &(sheaf_table_options){.columns = &flag, .column_count = 1}, -EBADMSG,
	       ": line 2, column 1: \"yes\" is not true or false");
	refuse("a\n0x1F\n", &(sheaf_table_options){.columns = &number, .column_count = 1}, -EBADMSG,
	       ": line 2, column 1: \"0x1F\" is not a number");
	refuse("a,b\n1,\n", NULL, -EBADMSG,
	       ": line 2, column 2: the field is empty; a number is wanted, or \"\" in options.missing");
	refuse("a,b\n1\n", NULL, -EBADMSG, ": line 2, column 2: is missing; there are 2 columns");
	refuse("a,b\n1,2\n1,2,3\n", NULL, -EBADMSG, ": line 3, column 3: a field too many; there are 2 columns");
	refuse("a,b\nx,5\" pipe\n", NULL, -EBADMSG,
	       ": line 2, column 2: \"5\" pipe\\n\" has a quote and does not begin with one; set options.plain if quotes mean "
	       "nothing");
	refuse("a,b\n\"x\"y,5\n", NULL, -EBADMSG, ": line 2, column 1: text follows the quotes around \"x\"");
	refuse("a,b\nx,\"5\n6,7\n", NULL, -EBADMSG, ": line 2, column 2: the quote before \"5\\n6,7\\n\" is not closed");
	refuse("\n\n", NULL, -EBADMSG, ": there is no line with a row or a header");
}

Test(table, makes_faults_missing_or_leaves_rows_out)
{
	const sheaf_column_option columns[] = {{.name = "a", .as = SHEAF_TYPED, .type = SHEAF_I32},
					       {.name = "b", .as = SHEAF_TYPED, .type = SHEAF_F64}};
	sheaf_table_options options = {.columns = columns, .column_count = 2, .on_fault = SHEAF_FAULT_MISSING};
	const char text[] = "a,b\n1,2\nx,3\n4\n5,?\n6,7,8\n9,10\n";

	expect(text, &options, "a i4,b f8 | 1,2 | NA,3 | 4,nan | 5,nan | 6,7 | 9,10");
	cr_assert_eq(table.faults, 4);
	options.on_fault = SHEAF_FAULT_SKIPS;
	expect(text, &options, "a i4,b f8 | 1,2 | 9,10");
	cr_assert_eq(table.faults, 4);
	cr_assert_null(table.columns[0].missing.data);
}

Test(table, refuses_options_that_make_no_sense)
{
	const sheaf_column_option absent = {.name = "z"}, far = {.number = 3},
				  half = {.number = 1, .as = SHEAF_TYPED, .type = SHEAF_F16};
	const sheaf_column_option twice[] = {{.number = 1}, {.name = "a"}}, none[] = {{.name = "a", .as = SHEAF_LEFT_OUT}};

	refuse("a,b\n", &(sheaf_table_options){.columns = &absent, .column_count = 1}, -EINVAL,
	       ": options.columns wants column \"z\", which is not in the header: the first is \"a\"");
	refuse("a,b\n", &(sheaf_table_options){.columns = &far, .column_count = 1}, -EINVAL,
	       ": options.columns wants column 3, and there are 2: the first is 1");
	refuse("a,b\n", &(sheaf_table_options){.columns = twice, .column_count = 2}, -EINVAL,
	       ": options.columns has column 1 twice");
	refuse("a\n", &(sheaf_table_options){.columns = none, .column_count = 1}, -EINVAL,
	       ": options.columns leaves no column to read");
	cr_assert_eq(load("a\n", &(sheaf_table_options){.columns = &half, .column_count = 1}), -EINVAL);
	cr_assert_eq(load("a\n", &(sheaf_table_options){.separator = '.'}), -EINVAL);
	cr_assert_eq(load("a\n", &(sheaf_table_options){.separator = 'e'}), -EINVAL);
	cr_assert_eq(load("a\n", &(sheaf_table_options){.comment = ','}), -EINVAL);
	cr_assert_eq(load("a\n", &(sheaf_table_options){.header = 3}), -EINVAL);
	cr_assert_eq(load("a\n", &(sheaf_table_options){.on_fault = 3}), -EINVAL);
	cr_assert_eq(load("a\n", &(sheaf_table_options){.column_count = 3}), -EINVAL);
	cr_assert_eq(sheaf_table_load(NULL, pool, path, NULL), -EINVAL);
	cr_assert_eq(sheaf_table_load(&table, NULL, path, NULL), -EINVAL);
	cr_assert_eq(sheaf_table_load(&table, pool, NULL, NULL), -EINVAL);
	cr_assert_eq(sheaf_table_load(&table, pool, "/nonexistent/file", NULL), -ENOENT);
	cr_assert_eq(sheaf_table_load(&table, pool, "/tmp", NULL), -EISDIR);
}

/* ---- Large files ---- */

/*
 * Write rows with quotes, line ends in quotes, and one late surprise, so that ranges begin in all
 * kinds of places. Return the line of the surprise.
 */
static size_t write_large(size_t rows, bool surprise)
{
	size_t line = 1, found = 0;

	FILE *file = fopen(path, "wb");

	cr_assert_not_null(file);
	fputs("number,text,half,late\n", file);
	for (size_t i = 0; i < rows; i++) {
		line += 1 + (i > 0 && (i - 1) % 7 == 0);
		fprintf(file, "%zu,", i);
		line += i % 3 == 0 ? 2 : 0;
		found = i == rows - 700 ? line : found;
		if (i % 3 == 0)
			fprintf(file, "\"a \"\"quote\"\",\nand lines\n%zu\"", i % 50);
		else
			fprintf(file, "text%zu", i % 70);
		fprintf(file, ",%zu.5,%s%s", i, surprise && i == rows - 700 ? "0.25" : "7", i % 7 ? "\n" : "\r\n\n");
	}
	cr_assert_eq(fclose(file), 0);
	return found;
}

static void check_large(size_t rows)
{
	const sheaf_column *text = sheaf_table_column(&table, "text");
	char wanted[64];

	cr_assert_eq(table.rows, rows);
	cr_assert_not_null(text);
	for (size_t i = 0; i < rows; i++) {
		const int32_t code = ((const int32_t *)text->values.data)[i];

		cr_assert_eq(((const int64_t *)table.columns[0].values.data)[i], (int64_t)i);
		cr_assert_eq(((const double *)table.columns[2].values.data)[i], (double)i + 0.5);
		cr_assert_eq(((const double *)table.columns[3].values.data)[i], i == rows - 700 ? 0.25 : 7);
		if (i % 3 == 0)
			snprintf(wanted, sizeof(wanted), "a \"quote\",\nand lines\n%zu", i % 50);
		else
			snprintf(wanted, sizeof(wanted), "text%zu", i % 70);
		cr_assert_eq(strncmp((const char *)text->texts.data + (size_t)code * text->texts.item_size, wanted,
				     text->texts.item_size),
			     0, "row %zu: %s", i, wanted);
	}
	/* In the order of first appearance. */
	cr_assert_eq(strncmp(text->texts.data, "a \"quote\",\nand lines\n0", text->texts.item_size), 0);
	cr_assert_eq(strncmp((const char *)text->texts.data + text->texts.item_size, "text1", 6), 0);
	cr_assert_eq(sheaf_table_column(&table, "absent"), NULL);
}

Test(table, gives_the_same_whoever_reads)
{
	enum { ROWS = 40000 };
	static const struct {
		unsigned workers;
		enum sheaf_backend backend;
	} ways[] = {{1, SHEAF_PROCESSES}, {5, SHEAF_PROCESSES}, {3, SHEAF_THREADS}, {0, SHEAF_INLINE}};

	write_large(ROWS, true);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		check_heap();
		sheaf_pool_destroy(pool);
		start_pool(ways[i].workers, ways[i].backend);
		cr_assert_eq(load_file(&(sheaf_table_options){.code = true, .widen = true}), 0, "%s", sheaf_message());
		check_large(ROWS);
	}
}

Test(table, names_the_line_of_a_late_contradiction)
{
	const char text[] = ", column 4: \"0.25\" is not a whole number from -9223372036854775808 to "
			    "9223372036854775807, as a sample of the column is: give its type, name what is missing in "
			    "options.missing, or set options.widen";

	char wanted[512];

	snprintf(wanted, sizeof(wanted), ": line %zu%s", write_large(40000, true), text);
	cr_assert_eq(load_file(NULL), -EBADMSG);
	cr_assert_str_eq(sheaf_message() + strlen(path), wanted);
}

Test(table, finds_widths_and_types_behind_the_sample)
{
	FILE *file = fopen(path, "wb");

	cr_assert_not_null(file);
	fputs("a,b\n", file);
	for (size_t i = 0; i < 100000; i++)
		fprintf(file, "%s,%s\n", i == 54321 ? "1.5" : i == 60000 ? "word" : "1", i == 98765 ? "longest" : "x");
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(load_file(&(sheaf_table_options){.widen = true}), 0, "%s", sheaf_message());
	cr_assert_eq(table.columns[0].values.type, SHEAF_BYTES);
	cr_assert_eq(table.columns[0].values.item_size, 4);
	cr_assert_eq(memcmp((const char *)table.columns[0].values.data + 4 * 54321, "1.5", 4), 0);
	cr_assert_eq(memcmp((const char *)table.columns[0].values.data + 4 * 60000, "word", 4), 0);
	cr_assert_eq(table.columns[1].values.item_size, 7);
	cr_assert_eq(memcmp((const char *)table.columns[1].values.data + 7 * 98765, "longest", 7), 0);
}

Test(table, reads_lines_longer_than_a_range)
{
	enum { LENGTH = 1 << 20 };
	char *text = malloc(3 * LENGTH);
	size_t used;

	cr_assert_not_null(text);
	used = (size_t)sprintf(text, "a,b\n1,\"");
	memset(text + used, '\n', LENGTH);
	used += LENGTH;
	used += (size_t)sprintf(text + used, "\"\n2,");
	memset(text + used, ' ', LENGTH);
	used += LENGTH;
	used += (size_t)sprintf(text + used, "x\n3,y");
	fill_file(text, used);
	cr_assert_eq(load_file(NULL), 0, "%s", sheaf_message());
	cr_assert_eq(table.rows, 3);
	cr_assert_eq(table.columns[1].values.item_size, LENGTH + 1);
	cr_assert_eq(memcmp((const char *)table.columns[1].values.data, text + 7, LENGTH), 0);
	cr_assert_eq(((const char *)table.columns[1].values.data)[2 * (LENGTH + 1)], 'y');
	free(text);
}

/* ---- Pipes ---- */

/* Copy the file into a FIFO of that name, from a process of its own. */
static pid_t pour(const char *fifo)
{
	static char bytes[100000];
	pid_t child = fork();

	if (child == 0) {
		int from = open(path, O_RDONLY), to = open(fifo, O_WRONLY);
		ssize_t got = from < 0 || to < 0 ? -1 : 1;

		/* The reader may stop early. */
		signal(SIGPIPE, SIG_DFL);
		while (got > 0 && (got = read(from, bytes, sizeof(bytes))) > 0)
			for (ssize_t done = 0; done < got;) {
				ssize_t wrote = write(to, bytes + done, (size_t)(got - done));

				if (wrote <= 0)
					_exit(1);
				done += wrote;
			}
		_exit(got != 0);
	}
	cr_assert_gt(child, 0);
	return child;
}

static int load_fifo(const sheaf_table_options *options)
{
	char fifo[160];
	pid_t child;
	int r;

	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	child = pour(fifo);
	cr_assert_eq(sheaf_table_free(&table, pool), 0, "%s", sheaf_message());
	r = sheaf_table_load(&table, pool, fifo, options);
	unlink(fifo);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	return r;
}

Test(table, reads_a_pipe_window_by_window)
{
	enum { ROWS = 300000 };

	/* The surprise comes when rows of whole numbers were read. */
	write_large(ROWS, true);
	cr_assert_eq(load_fifo(&(sheaf_table_options){.code = true, .widen = true}), 0, "%s", sheaf_message());
	check_large(ROWS);
}

Test(table, names_the_line_of_a_fault_in_a_pipe)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), ": line %zu, column 4: \"0.25\" is not", write_large(300000, true));
	cr_assert_eq(load_fifo(NULL), -EBADMSG);
	cr_assert_not_null(strstr(sheaf_message(), wanted), "%s", sheaf_message());
}

Test(table, makes_texts_of_a_pipe_wider)
{
	enum { ROWS = 1500000 };
	FILE *file = fopen(path, "wb");

	cr_assert_not_null(file);
	fputs("a,b\n", file);
	for (size_t i = 0; i < ROWS; i++)
		fprintf(file, "%s,%zu\n", i == 1400000 ? "longest" : i % 5 == 0 ? "" : "x", i);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(load_fifo(&(sheaf_table_options){.missing = NA, .first_row = 10}), 0, "%s", sheaf_message());
	cr_assert_eq(table.rows, ROWS - 10);
	cr_assert_eq(table.columns[0].values.item_size, 7);
	for (size_t i = 0; i < table.rows; i++) {
		const char *text = (const char *)table.columns[0].values.data + 7 * i;

		cr_assert_eq(((const int64_t *)table.columns[1].values.data)[i], (int64_t)i + 10);
		cr_assert_eq(((const bool *)table.columns[0].missing.data)[i], i % 5 == 0 && i + 10 != 1400000);
		cr_assert_eq(strncmp(text, i + 10 == 1400000 ? "longest" : i % 5 == 0 ? "" : "x", 7), 0);
	}
	cr_assert_eq(load_fifo(&(sheaf_table_options){.missing = NA, .first_row = 10, .row_count = 5}), 0, "%s",
		     sheaf_message());
	cr_assert_eq(table.rows, 5);
}

Test(table, says_that_a_pipe_cannot_become_texts)
{
	FILE *file = fopen(path, "wb");

	cr_assert_not_null(file);
	fputs("a\n", file);
	for (size_t i = 0; i < 3000000; i++)
		fprintf(file, "%s\n", i == 2900000 ? "word" : "123");
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(load_fifo(&(sheaf_table_options){.widen = true}), -EBADMSG);
	cr_assert_not_null(strstr(sheaf_message(), ": column 1 has texts behind "), "%s", sheaf_message());
}

Test(table, reads_a_header_longer_than_a_window)
{
	enum { LENGTH = 9 << 20 };
	char *text = malloc(2 * LENGTH);
	size_t used = LENGTH;

	cr_assert_not_null(text);
	memset(text, 'n', LENGTH);
	used += (size_t)sprintf(text + used, ",b\n1,2\n3,4");
	fill_file(text, used);
	cr_assert_eq(load_fifo(NULL), 0, "%s", sheaf_message());
	cr_assert_eq(table.rows, 2);
	cr_assert_eq(strlen(table.columns[0].name), LENGTH);
	cr_assert_eq(((const int64_t *)table.columns[1].values.data)[1], 4);
	free(text);
}

Test(table, reads_standard_input)
{
	int fd, before = dup(STDIN_FILENO);

	fill_file("a,b\n1,x\n", 8);
	fd = open(path, O_RDONLY);
	cr_assert(fd >= 0 && before >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	cr_assert_eq(sheaf_table_load(&table, pool, "-", NULL), 0, "%s", sheaf_message());
	cr_assert_eq(dup2(before, STDIN_FILENO), STDIN_FILENO);
	close(before);
	close(fd);
	cr_assert_str_eq(show_table(), "a i8,b S1 | 1,'x'");
}

/* ---- Mishaps ---- */

static _Atomic bool loading;

/* Kill both workers once each, at some time of the load. */
static void *kill_workers(void *seed)
{
	unsigned wait_us = *(const unsigned *)seed;

	for (unsigned i = 0; i < 2 && loading; i++) {
		pid_t pid;

		nanosleep(&(struct timespec){.tv_nsec = wait_us * 1000L}, NULL);
		pid = sheaf_pool_worker_pid(pool, i);
		if (pid > 0 && loading)
			kill(pid, SIGKILL);
	}
	return NULL;
}

Test(table, loads_the_same_when_workers_are_killed)
{
	enum { ROWS = 40000 };

	write_large(ROWS, true);
	for (unsigned wait_us = 0; wait_us < 40000; wait_us += 1000 + wait_us / 4) {
		pthread_t thread;
		int r;

		cr_assert_eq(sheaf_table_free(&table, pool), 0);
		loading = true;
		cr_assert_eq(pthread_create(&thread, NULL, kill_workers, &wait_us), 0);
		r = sheaf_table_load(&table, pool, path, &(sheaf_table_options){.code = true, .widen = true});
		loading = false;
		cr_assert_eq(pthread_join(thread, NULL), 0);
		cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
		check_large(ROWS);
	}
}

Test(table, notices_that_a_file_became_shorter_or_another)
{
	static struct source source;
	struct piece piece;
	int fd, r;

	fill_file("a,b\n1,2\n", 8);
	fd = open(path, O_RDONLY);
	cr_assert_geq(fd, 0);
	cr_assert_eq(os_file_note(fd, &source.id), 0);
	close(fd);
	cr_assert(os_file_resolve(path, source.path));
	source.size = 8;
	cr_assert_eq(piece_open(&piece, &source, 4, 8), 0, "%s", sheaf_message());
	cr_assert(piece.last && piece.size == 4 && memcmp(piece.text, "1,2\n\n", 5) == 0);
	piece_close(&piece);
	source.size = 9;
	r = piece_open(&piece, &source, 4, 9);
	cr_assert_eq(r, -EBADMSG);
	cr_assert_not_null(strstr(sheaf_message(), "became shorter than 9 bytes while it was read"), "%s", sheaf_message());
	source.id.inode++;
	cr_assert_eq(piece_open(&piece, &source, 0, 8), -EBADMSG);
	cr_assert_not_null(strstr(sheaf_message(), "another file got this name"), "%s", sheaf_message());
	unlink(path);
	cr_assert_eq(piece_open(&piece, &source, 0, 8), -ENOENT);
}

/* Make a file longer and shorter, all the time. */
static pid_t change_file(size_t size)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			if (truncate(path, (off_t)(size / 2)) || truncate(path, (off_t)size))
				_exit(1);
	cr_assert_gt(child, 0);
	return child;
}

Test(table, survives_a_file_that_changes)
{
	struct stat status;
	pid_t child;

	write_large(20000, false);
	cr_assert_eq(stat(path, &status), 0);
	child = change_file((size_t)status.st_size);
	for (unsigned i = 0; i < 50; i++) {
		int r = load_file(&(sheaf_table_options){.code = true});

		/* What was cut off reads as zeros: a fault, or a text. */
		cr_assert(r == 0 || r == -EBADMSG, "%d: %s", r, sheaf_message());
	}
	kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, NULL, 0), child);
}
