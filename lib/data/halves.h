/*
 * halves.h - turns whole blocks of floats and doubles into halves (IEEE 754 binary16), and back.
 */
#ifndef SHEAF_DATA_HALVES_H
#define SHEAF_DATA_HALVES_H

#include <stdbool.h>

#define HALVES_BLOCK 256

/*
 * Convert HALVES_BLOCK numbers, as convert.c does. False: a finite number is too large for a half;
 * then what was written is not to be used.
 */
bool halves_to_floats(unsigned char *restrict out, const unsigned char *restrict in);
bool halves_to_doubles(unsigned char *restrict out, const unsigned char *restrict in);
bool halves_from_floats(unsigned char *restrict out, const unsigned char *restrict in);
bool halves_from_doubles(unsigned char *restrict out, const unsigned char *restrict in);

#endif
