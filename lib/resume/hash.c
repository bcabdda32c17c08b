/*
 * hash.c - SipHash-2-4 by its definition: two rounds for each word of the text, four at the end.
 *
 * The last word has the text's length in its highest byte, and below it what is left of the text.
 */
#include "resume/hash.h"

#include "base/little.h"

#include <string.h>

static uint64_t turn_left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned rounds)
{
	uint64_t a = v[0], b = v[1], c = v[2], d = v[3];

	while (rounds--) {
		a += b;
		c += d;
		b = turn_left(b, 13) ^ a;
		d = turn_left(d, 16) ^ c;
		a = turn_left(a, 32);
		c += b;
		a += d;
		b = turn_left(b, 17) ^ c;
		d = turn_left(d, 21) ^ a;
		c = turn_left(c, 32);
	}
	v[0] = a;
	v[1] = b;
	v[2] = c;
	v[3] = d;
}

/* Compilers make one load of this where the processor is little-endian. */
static uint64_t load_word(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
	       (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static void sip_word(struct hash *hash, uint64_t word)
{
	hash->v[3] ^= word;
	sip_rounds(hash->v, 2);
	hash->v[0] ^= word;
}

void hash_begin(struct hash *hash, const uint64_t key[2], bool wide)
{
	*hash = (struct hash){.v = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
				    key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)},
			      .wide = wide};
	if (wide)
		hash->v[1] ^= 0xee;
}

void hash_add(struct hash *hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	unsigned held = hash->length % 8;

	hash->length += size;
	if (held) {
		while (size && held < 8) {
			hash->rest[held++] = *at++;
			size--;
		}
		if (held < 8)
			return;
		sip_word(hash, load_word(hash->rest));
	}
	for (; size >= 8; at += 8, size -= 8)
		sip_word(hash, load_word(at));
	if (size)
		memcpy(hash->rest, at, size);
}

void hash_end(struct hash *hash, uint64_t *result)
{
	uint64_t *v = hash->v;

	sip_word(hash, little_load(hash->rest, hash->length % 8) | hash->length << 56);
	v[2] ^= hash->wide ? 0xee : 0xff;
	sip_rounds(v, 4);
	result[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	if (!hash->wide)
		return;
	v[1] ^= 0xdd;
	sip_rounds(v, 4);
	result[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_of(const uint64_t key[2], const void *bytes, size_t size)
{
	struct hash hash;
	uint64_t result;

	hash_begin(&hash, key, false);
	hash_add(&hash, bytes, size);
	hash_end(&hash, &result);
	return result;
}
