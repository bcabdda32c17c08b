/*
 * decimal.h - numbers from decimal text, each exactly what strtod() gives.
 *
 * The text needs no zero at its end, but a character that belongs to no number, and then 16 more
 * bytes that may be read, whatever they are.
 */
#ifndef SHEAF_TABLE_DECIMAL_H
#define SHEAF_TABLE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Read the number at the beginning of the text: [+-]digits[point digits][e[+-]digits], or in any
 * case "inf", "infinity" or "nan". Return where it ends; NULL: there is none. Not exactly a number
 * are forms with a meaning outside of decimal tables: 0x1F and nan(123), where reading ends
 * after the 0 and the nan.
 */
const char *decimal_read(const char *text, char point, double *value);

/* Do the same for the nearest float, which is not always that nearest to the double. */
const char *decimal_read_float(const char *text, char point, float *value);

/* A whole number: its sign, and its magnitude. */
struct whole {
	uint64_t magnitude;
	bool negative;
};

/* Read [+-]digits. NULL: there are none, or they need more than 64 bits. */
const char *decimal_read_whole(const char *text, struct whole *whole);

#endif
