/*
 * header.h - what a field tells of its line: is that a header?
 */
#ifndef SHEAF_TABLE_HEADER_H
#define SHEAF_TABLE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Tell whether the letters of a text say that a value is missing. Other signs do not count: "#N/A",
 * "<NA>" and "n.a." are NA.
 */
bool header_means_missing(const char *text, size_t length);

/*
 * Tell whether there are control characters, so that this is no text at all. @lines: line ends are
 * fine.
 */
bool header_has_control(const char *text, size_t length, bool lines);

/* Tell whether it is a number, or begins as one: behind the text is what decimal.h wants. */
bool header_begins_number(const char *text, size_t length, char point);

#endif
