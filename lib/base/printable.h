/*
 * printable.h - makes text that others chose fit for a terminal and a log.
 *
 * A file, its name or the text of a task may hold any bytes. Some of them command a terminal
 * (escape sequences, also those that begin with a C1 control), forge a line of a log, or show text
 * in another order (bidirectional controls).
 */
#ifndef SHEAF_BASE_PRINTABLE_H
#define SHEAF_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Write the @length bytes at @text to @to, as one line of UTF-8 without any control character. Each
 * byte or character that is not printable becomes an escape: \n, \x1b, \u009b. What is printable
 * stays as it is, also a backslash, so that doing it twice changes nothing.
 *
 * The text is cut before the first character or escape that does not fit in @size bytes with the
 * zero at the end. Returns the bytes written, without that zero.
 */
size_t printable(char *to, size_t size, const char *text, size_t length);

/* Tell whether the whole string is printable as it is. */
bool printable_already(const char *text);

/* Tell whether it is well-formed, whatever it holds. */
bool printable_is_utf8(const char *text);

#endif
