/*
 * shortest.h - numbers as text, with the fewest digits that read back as the same number.
 */
#ifndef SHEAF_TABLE_SHORTEST_H
#define SHEAF_TABLE_SHORTEST_H

#include <stdbool.h>
#include <stdint.h>

#define SHORTEST_ROOM 32 /* bytes that any number takes at most */

/*
 * Write a number, and return where it ends. A float has a point, or an exponent, or is "inf",
 * "-inf" or "nan".
 */
char *shortest_double(char *at, double value, char point);
char *shortest_float(char *at, float value, char point);
char *shortest_whole(char *at, uint64_t magnitude, bool negative);

#endif
