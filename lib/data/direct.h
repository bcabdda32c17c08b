/*
 * direct.h - turns whole blocks of numbers of common types into each other, without a detour by the
 * widest type.
 */
#ifndef SHEAF_DATA_DIRECT_H
#define SHEAF_DATA_DIRECT_H

#include "sheaf_number.h"

#include <stdbool.h>

#define DIRECT_BLOCK 256

/*
 * Convert DIRECT_BLOCK numbers that lie one behind the other, anywhere. False: the types are not
 * among the common ones, or some number may not fit; then what was written is not to be used.
 */
bool direct_convert(enum sheaf_number to, unsigned char *out, enum sheaf_number from, const unsigned char *in);

#endif
