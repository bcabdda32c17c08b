/*
 * memory_meter.h - counts the memory that a call holds: what it allocates for itself, and what it
 * has committed in the heap of a pool.
 *
 * Private memory is seen where it is allocated, also by libc itself: malloc() and its kin are
 * replaced (glibc), or hooked (sanitizers). What is committed is seen by os_commit() and
 * os_release(), which the program is linked with --wrap for. A block that realloc() makes larger
 * counts twice for that moment, as if it were always copied. For one thread at a time.
 */
#ifndef SHEAF_TESTS_FUZZ_MEMORY_METER_H
#define SHEAF_TESTS_FUZZ_MEMORY_METER_H

#include <stdint.h>

#define MEMORY_PER_BYTE 8

struct memory_use {
	int64_t private_bytes; /* held now, more than at the beginning */
	int64_t heap_bytes;
	int64_t peak; /* of their sum */
	/* the most that their sum was ever above MEMORY_PER_BYTE times what was read by then */
	int64_t excess;
	uint64_t read; /* bytes that read() gave of the input */
};

/*
 * From now on, of the calling thread. @input: a descriptor of the file or pipe whose bytes count as
 * read, through whatever descriptor.
 */
void memory_meter_begin(int input);

/* No longer. */
struct memory_use memory_meter_end(void);

#endif
