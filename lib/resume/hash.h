/*
 * hash.h - SipHash-2-4, which checks what is read from files, and names inputs and arguments.
 *
 * Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. With a key of 128 bits and a
 * result of 64 or 128 bits. Texts are fed in any number of pieces.
 */
#ifndef SHEAF_RESUME_HASH_H
#define SHEAF_RESUME_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash {
	uint64_t v[4];
	uint64_t length;
	unsigned char rest[8]; /* length % 8 bytes that make no word yet */
	bool wide;
};

/* Begin a hash. @wide: its result has 128 bits. */
void hash_begin(struct hash *hash, const uint64_t key[2], bool wide);
void hash_add(struct hash *hash, const void *bytes, size_t size);

/* End it. @result: one word, or two of a wide hash; SipHash's bytes are those, little-endian. */
void hash_end(struct hash *hash, uint64_t *result);

/* Hash bytes that are in one piece, to 64 bits. */
uint64_t hash_of(const uint64_t key[2], const void *bytes, size_t size);

#endif
