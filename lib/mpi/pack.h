/*
 * pack.h - results of any size as bytes that travel.
 */
#ifndef SHEAF_MPI_PACK_H
#define SHEAF_MPI_PACK_H

#include "sheaf.h"

/*
 * Copy @n results, in order, into one piece of memory. *@bytes: to free(). -ENOMEM; -EOVERFLOW.
 */
int pack_results(const sheaf_result *results, size_t n, unsigned char **bytes, uint64_t *size);

/*
 * Take the result at *@at of @size bytes, and move on. True: *@result points into the bytes. False:
 * there is none, or what is there is damaged.
 */
bool pack_next(const unsigned char *bytes, uint64_t size, uint64_t *at, sheaf_result *result);

/* Get memory for @size packed bytes, aligned as they need it. To free(). */
unsigned char *pack_memory(uint64_t size);

#endif
