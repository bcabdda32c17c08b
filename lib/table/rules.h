/*
 * rules.h - what the characters of a CSV file mean.
 */
#ifndef SHEAF_TABLE_RULES_H
#define SHEAF_TABLE_RULES_H

#include <stdbool.h>

struct csv_rules {
	char separator;
	char point;
	char comment; /* if there are comments */
	bool comments;
	bool quotes;
};

/* Does the character count as nothing, at the ends of a number and in a line without a row? */
static inline bool rules_blank(const struct csv_rules *rules, char c)
{
	return (c == ' ' || c == '\t') && c != rules->separator;
}

/* What a place in the text is in. The quotes and lines before it decide. */
enum csv_place {
	CSV_MIDDLE = 0, /* of a line, outside of quotes */
	CSV_QUOTED = 1,
	CSV_COMMENT = 2,
	CSV_START = 3, /* of a line */
	CSV_PLACES = 4,
};

#endif
