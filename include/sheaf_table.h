/*
 * sheaf_table.h - tables of named columns in a pool's shared memory, and CSV files of them.
 *
 * Contents
 *   Tables    sheaf_column, sheaf_table, sheaf_table_column, _free
 *   Read      sheaf_table_options, sheaf_table_load
 *   Write     sheaf_table_format, sheaf_table_save
 *
 * Model     A *table* has columns of the same length. Each is an array of sheaf_data.h with one
 *           dimension, so tasks use it by plain pointers, and each call for arrays takes it.
 *           Workers read and write the text: the file is cut into ranges of bytes, and none of the
 *           cuts matters. Any number of workers, on any backend, gives the same bytes.
 *
 * Callers, Returns   As in sheaf_data.h.
 */
#ifndef SHEAF_TABLE_H
#define SHEAF_TABLE_H

#include "sheaf_data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Tables ---- */

/**
 * sheaf_column - a column of a table
 *
 * A missing number is NaN in a column of floats. Of all other types, missing.data is NULL if no
 * value is missing, else it has a bool for each row: true, and then the value is 0, or a text
 * without bytes.
 *
 * If texts.data is not NULL, the values are codes: a SHEAF_I32 for each row, the index of its text
 * in texts, or -1 if it is missing. There is each text once, in the order of first appearance.
 */
typedef struct sheaf_column {
	const char *name;
	sheaf_array values;  /* one dimension, contiguous */
	sheaf_array missing; /* SHEAF_BOOL */
	sheaf_array texts;   /* SHEAF_BYTES */
} sheaf_column;

/**
 * sheaf_table - columns of the same length
 *
 * A table that was read is in shared memory, with its names, but for this struct, which is the
 * caller's and may be copied. A program may fill one in by itself.
 */
typedef struct sheaf_table {
	size_t rows;
	size_t column_count;
	sheaf_column *columns;
	uint64_t faults; /* rows left out, or values made missing: see enum sheaf_fault */
	void *memory;    /* of the columns' descriptions and names; NULL: it is not the table's */
} sheaf_table;

/**
 * sheaf_table_column() - find a column by its name, the first one of it; NULL: there is none
 * sheaf_table_free() - give all memory of a table that was read back, and zero it. All-zero is fine
 *
 * Return: free: as sheaf_free().
 */
SHEAF_API const sheaf_column *sheaf_table_column(const sheaf_table *table, const char *name);
SHEAF_API int sheaf_table_free(sheaf_table *table, sheaf_pool *pool);

/* ---- Read ---- */

/* What a column becomes. */
enum sheaf_column_as {
	SHEAF_GUESSED = 0, /* whole numbers SHEAF_I64, numbers SHEAF_F64, or texts */
	SHEAF_TYPED = 1,   /* options.type */
	SHEAF_CODED = 2,   /* texts as codes */
	SHEAF_LEFT_OUT = 3,
};

/** sheaf_column_option - how to read one column */
typedef struct sheaf_column_option {
	const char *name; /* as in the header; NULL: see number */
	size_t number;    /* of the column in the file, the first is 1; if there is no name */
	enum sheaf_column_as as;
	/* of SHEAF_TYPED: SHEAF_F64, _F32, _I64 to _U8, _BOOL, or _BYTES */
	enum sheaf_number type;
	size_t item_size; /* of SHEAF_BYTES: the longest text; 0: the longest one in the file */
} sheaf_column_option;

/* What happens to a value that its column cannot hold, or a row with another count of fields? */
enum sheaf_fault {
	SHEAF_FAULT_STOPS = 0,   /* the call fails, with file, line, column and text */
	SHEAF_FAULT_MISSING = 1, /* the value is missing; fields too many are left out */
	SHEAF_FAULT_SKIPS = 2,   /* its row is left out */
};

/** sheaf_table_options - how to read a table; all-zero and NULL mean the same */
typedef struct sheaf_table_options {
	char separator; /* 0: ',' */
	char decimal;   /* 0: '.' */
	char comment;   /* lines that begin with it are passed over; 0: there are none */
	bool plain;     /* a quote is a character like any other */
	size_t skip;    /* so many lines at the beginning are passed over, whatever is in them */
	enum sheaf_header header;
	const char *const *missing; /* as of sheaf_load_options; of columns of texts, too */
	const sheaf_column_option *columns;
	size_t column_count;
	bool only;  /* only those columns, in that order; else all, in the file's */
	bool code;  /* texts that were guessed are codes */
	bool widen; /* a guess that proves too narrow: see sheaf_table_load() */
	enum sheaf_fault on_fault;
	size_t first_row;     /* so many rows are passed over, and not looked into */
	size_t row_count;     /* most rows to read; 0: all */
	uint64_t deadline_ns; /* as of sheaf_load_options */
} sheaf_table_options;

/**
 * sheaf_table_load() - read a table from a CSV file into shared memory
 * @table:   out: free with sheaf_table_free()
 * @path:    of a file, a pipe or a FIFO; "-": standard input
 * @options: NULL: the defaults
 *
 * The text is as RFC 4180 says: a field in quotes may have separators, line ends, and a quote as
 * two. Lines end with LF or CR LF, the last may have no end. A mark at the beginning that the text
 * is UTF-8 is passed over, and so are lines of nothing but spaces and tabs. A quote in a field that
 * does not begin with one is a fault. All rows have the same count of fields, that of the header,
 * or else of the first one.
 *
 * Spaces or quotes around a number are fine. It is exactly what strtod() (of SHEAF_F32 strtof())
 * makes of its text. "inf", "infinity" and "nan" in any case are numbers, hexadecimal ones are not.
 * SHEAF_BOOL reads 0, 1, and true and false in any case. A text is what is between the separators,
 * or the quotes; zero bytes at its end are left out. In SHEAF_BYTES zeros follow it.
 *
 * Header: as of sheaf_array_load(): see enum sheaf_header. Without one, the columns are named "V"
 * and their number, from 1.
 *
 * Guesses: by a sample of rows from all over the file. A column is SHEAF_I64 if all values there
 * are whole numbers that it can hold, without "-0"; SHEAF_F64 if they are numbers, or if all are
 * missing; else texts. A later value that contradicts is a fault. With options->widen the column
 * becomes SHEAF_F64, or texts, as if the sample had had that value. Of a pipe the first 8 MiB are
 * the sample, and what was read as numbers cannot become texts.
 *
 * A file is read twice, in parts, so it must not change meanwhile: a file that got shorter is an
 * error, what was added at its end is not read. A pipe, or a file that workers cannot open by its
 * name, is read once, and some MiB of its text are held. Waiting: as sheaf_array_load().
 *
 * Return: 0; -EINVAL (NULL; a value out of range; characters that contradict; no such column);
 *         -EBADMSG (a fault, an open quote, no row and no header, a file that changed: the message
 *         says file, line, column and text; or no CSV, but a compressed file, UTF-16, or the like);
 *         -EOVERFLOW (a text, or a table, too long for memory); the errors of opening and reading a
 *         file (-ENOENT, -EACCES, -EISDIR, -EIO, ...); -ENXIO, -ETIME, -EINTR, and those of a
 *         stopped pool (as sheaf_array_load()); -ENOMEM; what sheaf_for(), sheaf_submit(),
 *         sheaf_next() and sheaf_alloc() return.
 */
SHEAF_API int sheaf_table_load(sheaf_table *table, sheaf_pool *pool, const char *path, const sheaf_table_options *options);

/* ---- Write ---- */

/** sheaf_table_format - how to write a table; all-zero and NULL mean the same */
typedef struct sheaf_table_format {
	char separator;      /* 0: ',' */
	char decimal;        /* 0: '.' */
	bool no_header;      /* else the first line has the names */
	bool crlf;           /* lines end with CR LF, else LF */
	const char *missing; /* text of a missing value and of NaN; NULL: none: "" */
} sheaf_table_format;

/**
 * sheaf_table_save() - write a table as CSV, in parallel, with its rows in order
 * @table:  its values, missing and texts are in shared memory, anywhere in it
 * @path:   one of that name is replaced when the new one is whole, as by sheaf_array_save()
 * @format: NULL: the defaults
 *
 * A float has the fewest digits that read back as the same one (Giulietti, "The Schubfach way to
 * render doubles", 2021), and a point or an exponent, so that its column is guessed as floats
 * again. A text has quotes if it needs them. Complex numbers, SHEAF_F16 and SHEAF_VOID cannot be
 * written.
 * Return: 0; -EINVAL (NULL; columns that are not of table->rows items of one dimension, or whose
 *         types cannot be written; characters that contradict); -EFAULT (not in shared memory); the
 *         errors of sheaf_array_save(); what sheaf_submit() and sheaf_next() return.
 */
SHEAF_API int sheaf_table_save(const sheaf_table *table, sheaf_pool *pool, const char *path, const sheaf_table_format *format);

#ifdef __cplusplus
}
#endif

#endif
