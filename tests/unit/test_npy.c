/*
 * test_npy.c - tables from .npy files, whose bytes are made here: what is accepted, and the code
 * and message of everything else.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "one_file.h"
#include "sheaf_data.h"

static sheaf_pool *pool;
static sheaf_array array;
static const double values[] = {1, -2.5, 3e300, 0.1, 5, 6};

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

TestSuite(npy, .init = set_up, .fini = tear_down);

/* A header as numpy writes it, in C order or in Fortran order. */
#define HEADER(shape) "{'descr': '<f8', 'fortran_order': False, 'shape': " shape ", }\n"
#define FORTRAN(shape) "{'descr': '<f8', 'fortran_order': True, 'shape': " shape ", }\n"

static int load_bytes(const void *bytes, size_t size)
{
	fill_file(bytes, size);
	return sheaf_array_load(&array, pool, path, NULL);
}

/*
 * A file of version @major with the header @text as it is, followed by the first @data_size bytes
 * of the values.
 */
static size_t make(unsigned char *bytes, int major, const char *text, size_t data_size)
{
	size_t length = strlen(text);
	size_t at = 0;

	memcpy(bytes, "\x93NUMPY", 6);
	bytes[6] = (unsigned char)major;
	bytes[7] = 0;
	at = 8;
	for (int i = 0; i < (major == 1 ? 2 : 4); i++)
		bytes[at++] = (unsigned char)(length >> (8 * i));
	memcpy(bytes + at, text, length);
	at += length;
	memcpy(bytes + at, values, data_size);
	return at + data_size;
}

static int load_version(int major, const char *text, size_t data_size)
{
	unsigned char bytes[1024];

	return load_bytes(bytes, make(bytes, major, text, data_size));
}

static int load(const char *text, size_t data_size)
{
	return load_version(1, text, data_size);
}

/* Load what a pipe holds; its name is the path of messages. */
static int load_pipe(const char *text, size_t data_size)
{
	unsigned char bytes[1024];
	size_t size = make(bytes, 1, text, data_size);
	int ends[2], r;

	cr_assert_eq(pipe(ends), 0);
	unlink(path);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	if (access(path, R_OK) != 0)
		skip("no /dev/fd here");
	cr_assert_eq(write(ends[1], bytes, size), (ssize_t)size);
	close(ends[1]);
	r = sheaf_array_load(&array, pool, path, NULL);
	close(ends[0]);
	return r;
}

/* Two dimensions in C order, or one of @rows if @columns is 1. */
static void expect(int code, size_t rows, size_t columns)
{
	cr_assert_eq(code, 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], rows, "%zu rows", array.shape[0]);
	cr_assert(array.dimensions == 1 ? columns == 1 : array.dimensions == 2 && array.shape[1] == columns,
		  "%u dimensions, %zu columns", array.dimensions, array.shape[1]);
	cr_assert(array.type == SHEAF_F64 && array.item_size == 8 && sheaf_array_is_contiguous(&array));
	for (size_t i = 0; i < rows * columns; i++)
		cr_assert_eq(((const double *)array.data)[i], values[i], "value %zu is %g", i, ((const double *)array.data)[i]);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
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

/* Headers that are accepted, each in front of @size bytes of values. */
struct accepted {
	const char *text;
	size_t size, rows, columns;
};

#define ACCEPT(...)                                                                                  \
	do {                                                                                         \
		static const struct accepted cases[] = {__VA_ARGS__};                                \
                                                                                                     \
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)                        \
			expect(load(cases[i].text, cases[i].size), cases[i].rows, cases[i].columns); \
	} while (0)

/* Headers that are refused, with the message's end. */
struct refused {
	const char *text;
	size_t size;
	const char *message;
};

#define REFUSE(code, ...)                                                                           \
	do {                                                                                        \
		static const struct refused cases[] = {__VA_ARGS__};                                \
                                                                                                    \
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)                       \
			expect_failure(load(cases[i].text, cases[i].size), code, cases[i].message); \
	} while (0)

Test(npy, reads_what_numpy_writes)
{
	char text[119];

	/* numpy pads the header with spaces and a newline to a multiple of 64 bytes. */
	memset(text, ' ', sizeof(text));
	memcpy(text, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }", 59);
	text[117] = '\n';
	text[118] = '\0';
	expect(load(text, 48), 3, 2);
}

Test(npy, reads_versions_1_2_and_3)
{
	for (int major = 1; major <= 3; major++)
		expect(load_version(major, HEADER("(2, 3)"), 48), 2, 3);
}

Test(npy, reads_one_dimension)
{
	ACCEPT({HEADER("(6,)"), 48, 6, 1});
}

Test(npy, reads_the_header_in_any_order_and_spacing)
{
	ACCEPT({"{'shape':(3,2),'fortran_order':False,'descr':'<f8'}", 48, 3, 2},
	       {"  { \"fortran_order\" : False ,\n \"descr\" : \"<f8\" , \"shape\" : ( 3 , 2 , ) , }  \n", 48, 3, 2},
	       {HEADER("(3L, 2L)"), 48, 3, 2});
}

Test(npy, reads_arrays_without_elements)
{
	ACCEPT({HEADER("(0,)"), 0, 0, 1}, {HEADER("(0, 2)"), 0, 0, 2}, {HEADER("(2, 0)"), 0, 2, 0});
}

Test(npy, reads_fortran_order_where_it_makes_no_difference)
{
	ACCEPT({FORTRAN("(6,)"), 48, 6, 1}, {FORTRAN("(6, 1)"), 48, 6, 1}, {FORTRAN("(1, 6)"), 48, 1, 6});
}

Test(npy, reads_a_pipe)
{
	expect(load_pipe(HEADER("(3, 2)"), 48), 3, 2);
}

Test(npy, reports_how_much_of_a_pipe_is_missing)
{
	expect_failure(load_pipe(HEADER("(3, 2)"), 40), -EBADMSG,
		       "the .npy file is truncated: 8 of 48 bytes of its values are missing");
}

Test(npy, refuses_dtypes_that_arrays_have_not)
{
	static const char *const others[] = {"<U5", "<M8[ns]", "f", "<f3", "<i16", "|i4", "<f16", "", "<", "<f", "<f8x", "|f8"};
	char text[128];
	char message[160];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(text, sizeof(text), "{'descr': '%s', 'fortran_order': False, 'shape': (3, 2), }\n", others[i]);
		snprintf(message, sizeof(message),
			 "dtype '%s', which arrays have not: convert it, as with array.astype('<f8') or, of text, "
			 "numpy.char.encode(array)",
			 others[i]);
		expect_failure(load(text, 48), -ENOTSUP, message);
	}
}

Test(npy, refuses_python_objects)
{
	REFUSE(-ENOTSUP,
	       {"{'descr': '|O', 'fortran_order': False, 'shape': (3, 2), }\n", 48,
		"dtype '|O' holds Python objects, which only Python can read: save numbers, or text of a fixed "
		"width"},
	       {"{'descr': [('a', '<f8'), ('b', 'O')], 'fortran_order': False, 'shape': (3, 2), }\n", 48,
		"dtype 'O' holds Python objects, which only Python can read: save numbers, or text of a fixed width"});
}

Test(npy, reads_fortran_order_by_strides)
{
	cr_assert_eq(load(FORTRAN("(3, 2)"), 48), 0, "%s", sheaf_message());
	cr_assert(array.dimensions == 2 && array.strides[0] == 8 && array.strides[1] == 24);
	for (size_t r = 0; r < 3; r++)
		for (size_t c = 0; c < 2; c++)
			cr_assert_eq(*(const double *)sheaf_array_at(&array, (size_t[]){r, c}), values[c * 3 + r]);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
}

Test(npy, reads_any_number_of_dimensions_up_to_eight)
{
	cr_assert_eq(load(HEADER("()"), 8), 0, "%s", sheaf_message());
	cr_assert(array.dimensions == 0 && sheaf_array_count(&array) == 1 && *(double *)array.data == values[0]);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	cr_assert_eq(load(HEADER("(1, 1, 2, 1, 3, 1, 1, 1)"), 48), 0, "%s", sheaf_message());
	cr_assert(array.dimensions == 8 && sheaf_array_count(&array) == 6 && array.strides[2] == 24);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	REFUSE(-ENOTSUP, {HEADER("(1, 1, 1, 1, 1, 1, 1, 1, 6)"), 48, "the array has 9 dimensions, at most 8 are read"});
}

/* Items of each dtype in both byte orders, of which the first is told by its bytes. */
Test(npy, reads_each_dtype_in_both_byte_orders)
{
	static const struct {
		const char *dtype;
		enum sheaf_number type;
		size_t item_size, number_size;
	} cases[] = {
		{"b1", SHEAF_BOOL, 1, 1}, {"i1", SHEAF_I8, 1, 1},     {"i2", SHEAF_I16, 2, 2},   {"i4", SHEAF_I32, 4, 4},
		{"i8", SHEAF_I64, 8, 8},  {"u1", SHEAF_U8, 1, 1},     {"u2", SHEAF_U16, 2, 2},   {"u4", SHEAF_U32, 4, 4},
		{"u8", SHEAF_U64, 8, 8},  {"f2", SHEAF_F16, 2, 2},    {"f4", SHEAF_F32, 4, 4},   {"f8", SHEAF_F64, 8, 8},
		{"c8", SHEAF_C64, 8, 4},  {"c16", SHEAF_C128, 16, 8}, {"S3", SHEAF_BYTES, 3, 1}, {"V5", SHEAF_VOID, 5, 1},
	};
	const uint16_t one = 1;
	bool little = *(const unsigned char *)&one == 1;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int big = 0; big < 2; big++) {
			size_t size = cases[i].item_size, number = cases[i].number_size;
			char text[128];

			snprintf(text, sizeof(text), "{'descr': '%c%s', 'fortran_order': False, 'shape': (2,), }\n",
				 number == 1 ? '|'
				 : big       ? '>'
					     : '<',
				 cases[i].dtype);
			cr_assert_eq(load(text, 2 * size), 0, "%s: %s", cases[i].dtype, sheaf_message());
			cr_assert(array.type == cases[i].type && array.item_size == size, "%s", cases[i].dtype);
			for (size_t b = 0; b < 2 * size; b++) {
				size_t from = (big == !little) ? b : b / number * number + number - 1 - b % number;

				cr_assert_eq(((unsigned char *)array.data)[b], ((const unsigned char *)values)[from],
					     "%s, byte %zu", cases[i].dtype, b);
			}
			cr_assert_eq(sheaf_array_free(&array, pool), 0);
		}
}

static int load_records(const char *text, size_t data_size, sheaf_field *fields, size_t room, size_t *count)
{
	unsigned char bytes[1024];
	size_t size = make(bytes, 1, text, data_size);
	FILE *file = fopen(path, "wb");

	cr_assert(file && fwrite(bytes, 1, size, file) == size && !fclose(file));
	return sheaf_array_load(&array, pool, path,
				&(sheaf_load_options){.fields = fields, .field_room = room, .field_count = count});
}

Test(npy, reads_records_and_lists_their_fields)
{
	sheaf_field fields[4];
	size_t count = 0;

	cr_assert_eq(
		load_records(
			"{'descr': [('x]', '<i4'), (('a title', 'y'), '>f8', (2, 2)), ('t', [('u', '|u1'), ('v', '|S3')])],"
			" 'fortran_order': False, 'shape': (1,), }\n",
			40, fields, 4, &count),
		0, "%s", sheaf_message());
	cr_assert(count == 3 && array.type == SHEAF_VOID && array.item_size == 40 && array.shape[0] == 1);
	cr_assert(!strcmp(fields[0].name, "x]") && fields[0].type == SHEAF_I32 && fields[0].offset == 0 &&
		  fields[0].count == 1);
	cr_assert(!strcmp(fields[1].name, "y") && fields[1].type == SHEAF_F64 && fields[1].offset == 4 &&
		  fields[1].count == 4 && fields[1].item_size == 8);
	cr_assert(!strcmp(fields[2].name, "t") && fields[2].type == SHEAF_VOID && fields[2].offset == 36 &&
		  fields[2].item_size == 4);
	cr_assert(fields[0].swapped != fields[1].swapped && !fields[2].swapped);
	cr_assert(!memcmp(array.data, values, 40));
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	/* As Python writes names, and padding. Version 1.0 is Latin-1. */
	cr_assert_eq(
		load_records(
			"{'descr': [('it\\'s \"a\"', '|u1'), ('', '|V3'), ('b\\\\\\n\\x01\\u20ac', '<i4'), ('\xe9', '<i4')],"
			" 'fortran_order': False, 'shape': (1,), }\n",
			12, fields, 4, &count),
		0, "%s", sheaf_message());
	cr_assert_eq(count, 3);
	cr_assert_str_eq(fields[0].name, "it's \"a\"");
	cr_assert_str_eq(fields[1].name, "b\\\n\x01\xe2\x82\xac");
	cr_assert_str_eq(fields[2].name, "\xc3\xa9");
	cr_assert(fields[1].offset == 4 && fields[2].offset == 8);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
	cr_assert_eq(
		load_records("{'descr': [('a\\q', '<i4')], 'fortran_order': False, 'shape': (1,), }\n", 4, fields, 4, &count),
		-EBADMSG);
	/* Fewer are kept than there are. */
	cr_assert_eq(load_records("{'descr': [('a', '<i4'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,), }\n", 8,
				  fields, 1, &count),
		     0);
	cr_assert_eq(count, 2);
	cr_assert_eq(sheaf_array_free(&array, pool), 0);
}

Test(npy, refuses_other_versions)
{
	expect_failure(load_version(4, "{}", 0), -ENOTSUP, ".npy version 4.0; wanted is 1.0, 2.0 or 3.0");
	expect_failure(load_bytes("\x93NUMPY\x01\x01\0\0", 10), -ENOTSUP, ".npy version 1.1; wanted is 1.0, 2.0 or 3.0");
}

Test(npy, refuses_a_size_that_does_not_fit)
{
#if SIZE_MAX > UINT32_MAX
	REFUSE(-EOVERFLOW,
	       {HEADER("(4294967296, 4294967296)"), 48, "the shape (4294967296, 4294967296) does not fit in memory"},
	       {HEADER("(2305843009213693952,)"), 48, "the shape (2305843009213693952,) does not fit in memory"});
#endif
	REFUSE(-EOVERFLOW, {HEADER("(99999999999999999999999, 0)"), 48, "the shape in the header does not fit in memory"});
}

/* As many rows as a table could have, and no more: a program walks over them. */
Test(npy, refuses_rows_without_values_beyond_all_tables)
{
#if SIZE_MAX > UINT32_MAX
	REFUSE(-EOVERFLOW,
	       {HEADER("(18446744073709551615, 0)"), 0, "the shape (18446744073709551615, 0) does not fit in memory"},
	       {HEADER("(0, 18446744073709551615)"), 0, "the shape (0, 18446744073709551615) does not fit in memory"},
	       {HEADER("(1152921504606846976, 0)"), 0, "the shape (1152921504606846976, 0) does not fit in memory"});
#endif
	REFUSE(-EOVERFLOW, {HEADER("(2097153, 0)"), 0,
			    "the shape (2097153, 0) tells of no values, and of more items than the pool's heap of "
			    "16777216 bytes could hold: the header is damaged, or heap_size is too small"});
	ACCEPT({HEADER("(2097152, 0)"), 0, 2097152, 0});
	REFUSE(-EBADMSG, {HEADER("(0, -1)"), 0, "unreadable .npy header at \"-1), }\\n\""});
}

Test(npy, shows_no_control_of_the_header_to_a_terminal)
{
	REFUSE(-ENOTSUP, {"{'descr': '\x1b]0;x\x07', 'fortran_order': False, 'shape': (3, 2), }\n", 48,
			  "dtype '\\x1b]0;x\\x07', which arrays have not: convert it, as with array.astype('<f8') or, of text, "
			  "numpy.char.encode(array)"});
	REFUSE(-EBADMSG, {"{'descr': \xc2\x9b"
			  "2J}",
			  0, "unreadable .npy header at \"\\u009b2J}\""});
}

/* A heap of 16 MiB would have none for what the header promises. */
Test(npy, takes_no_memory_for_what_a_pipe_promises)
{
	sheaf_pool_info info;

	expect_failure(load_pipe(HEADER("(268435456, )"), 48), -EBADMSG,
		       "the .npy file is truncated: 2147483600 of 2147483648 bytes of its values are missing");
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	cr_assert_eq(info.heap_used, 0);
}

Test(npy, says_how_many_bytes_are_missing)
{
	REFUSE(-EBADMSG, {HEADER("(3, 2)"), 41, "the .npy file is truncated: 7 of 48 bytes of its values are missing"});
#if SIZE_MAX > UINT32_MAX
	/* Nothing of that size is allocated. */
	REFUSE(-EBADMSG, {HEADER("(1000000000000, 2)"), 0,
			  "the .npy file is truncated: 16000000000000 of 16000000000000 bytes of its values are missing"});
#endif
}

Test(npy, refuses_more_bytes_than_the_shape_has)
{
	REFUSE(-EBADMSG, {HEADER("(2, 2)"), 48, "the .npy file has 16 bytes more than the 32 of its shape"});
}

Test(npy, refuses_a_file_that_ends_in_its_header)
{
	expect_failure(load_bytes("\x93", 1), -EBADMSG,
		       "the .npy file is truncated: 7 of 8 bytes of its first bytes are missing");
	expect_failure(load_bytes("\x93NUMPY\x01", 7), -EBADMSG,
		       "the .npy file is truncated: 1 of 8 bytes of its first bytes are missing");
	expect_failure(load_bytes("\x93NUMPY\x02\0\x10", 9), -EBADMSG,
		       "the .npy file is truncated: 3 of 4 bytes of its header's length are missing");
	expect_failure(load_bytes("\x93NUMPY\x01\0\x76\0{'descr'", 18), -EBADMSG,
		       "the .npy file is truncated: 110 of 118 bytes of its header are missing");
	expect_failure(load_bytes("\x93NUMPY\x02\0\xff\xff\xff\xff{", 13), -EBADMSG,
		       "the .npy header claims 4294967295 bytes; at most 1048576 are read");
}

Test(npy, refuses_unreadable_headers)
{
	static const struct {
		const char *text;
		const char *at;
	} headers[] = {
		{"", ""},
		{"descr", "descr"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2)", ""},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2)} x", "x"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (3 2)}", "2)}"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (6)}", "}"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 2)}", "-3, 2)}"},
		{"{'descr': '<f8', 'fortran_order': False, 'shape': [3, 2]}", "[3, 2]}"},
		{"{'descr': '<f8', 'fortran_order': 0, 'shape': (3, 2)}", "0, 'shape': (3, 2)}"},
		{"{'descr': '<f8', 'fortran_order': False 'shape': (3, 2)}", "'shape': (3, 2)}"},
		{"{'descr': '<f8, 'fortran_order': False, 'shape': (3, 2)}", "fortran_order': False, '"},
		{"{'descr': '<f8', 'descr': '<f8'}", "'descr': '<f8'}"},
		{"{'descr': '<f8', 'extra': 1}", "'extra': 1}"},
		{"{'descr: 1}", "'descr: 1}"},
		{"{'descr': [('x', '<f8')", ""},
	};
	char message[128];

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		snprintf(message, sizeof(message), "unreadable .npy header at \"%s\"", headers[i].at);
		expect_failure(load(headers[i].text, 0), -EBADMSG, message);
	}
	expect_failure(load_bytes("\x93NUMPY\x01\0\x03\0{\0}", 13), -EBADMSG, "unreadable .npy header: it holds a zero byte");
}

Test(npy, names_the_key_that_is_missing)
{
	REFUSE(-EBADMSG, {"{'descr': '<f8', 'shape': (3, 2)}", 48, "the .npy header lacks the key 'fortran_order'"},
	       {"{}", 48, "the .npy header lacks the key 'descr'"});
}

Test(npy, refuses_another_file_of_that_name)
{
	char plain[sizeof(path)];

	strcpy(plain, path);
	strcat(path, ".npy");
	unlink(plain);
	expect_failure(load_bytes("1,2\n", 4), -EBADMSG, "is not an .npy file: its first bytes are not \\x93NUMPY");
	expect_failure(load_bytes("", 0), -EBADMSG, "is not an .npy file: its first bytes are not \\x93NUMPY");
}

Test(npy, reports_an_array_that_is_larger_than_the_heap)
{
	unsigned char bytes[1024];
	size_t size = make(bytes, 1, HEADER("(4194304,)"), 0);

	/* 32 MiB of values, as a hole in the file; the heap has 16. */
	cr_assert_eq(load_bytes(bytes, size), -EBADMSG);
	cr_assert_eq(truncate(path, (off_t)size + (32 << 20)), 0);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), -ENOMEM);
	cr_assert_str_not_empty(sheaf_message());
	cr_assert_null(array.data);
}
