/*
 * pack.c - packed results come back as they were, and damaged bytes lead nowhere: two hundred
 * thousand random messages.
 */
#include "mpi/pack.h"

#include "support/check.h"
#include "support/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 200000
#define MOST 5

static struct rng rng = {1};

static void make_results(sheaf_result *results, size_t n, unsigned char *data, char *text)
{
	for (size_t i = 0; i < 700; i++) {
		data[i] = (unsigned char)rng_next(&rng);
		text[i] = (char)('a' + rng_below(&rng, 26));
	}
	text[700] = 0;
	for (size_t i = 0; i < n; i++)
		results[i] = (sheaf_result){
			.position = rng_next(&rng),
			.status = (int)rng_below(&rng, 3) - 2,
			.signal = (int)rng_below(&rng, 30),
			.exit_code = -1,
			.attempts = (unsigned)rng_below(&rng, 31),
			.worker = (int)rng_below(&rng, 64),
			.pid = (pid_t)rng_below(&rng, 100000),
			.data = data + rng_below(&rng, 200),
			.size = (size_t)rng_below(&rng, 500),
			.message = text + rng_below(&rng, 701),
		};
}

static void check_results(const sheaf_result *results, size_t n, const unsigned char *bytes, uint64_t size)
{
	sheaf_result result;
	uint64_t at = 0;

	for (size_t i = 0; i < n; i++) {
		CHECK(pack_next(bytes, size, &at, &result), "result %zu is missing", i);
		CHECK(result.position == results[i].position && result.status == results[i].status &&
			      result.signal == results[i].signal && result.exit_code == -1 &&
			      result.attempts == results[i].attempts && result.worker == results[i].worker &&
			      result.pid == results[i].pid && result.size == results[i].size,
		      "result %zu is another", i);
		CHECK(!strcmp(result.message, results[i].message), "the message of result %zu", i);
		CHECK((uintptr_t)result.data % 64 == 0, "data that are not aligned");
		CHECK(!result.size || !memcmp(result.data, results[i].data, result.size), "the data of result %zu", i);
	}
	CHECK(!pack_next(bytes, size, &at, &result), "one more result than there are");
}

/* Read all that can be read: whatever is told lies within the bytes. */
static void read_damaged(const unsigned char *bytes, uint64_t size)
{
	sheaf_result result;
	uint64_t at = 0, before = 0;

	while (pack_next(bytes, size, &at, &result)) {
		const unsigned char *data = result.data, *text = (const unsigned char *)result.message;

		CHECK(at > before && at <= size, "it ends behind the bytes");
		CHECK(text >= bytes && text + strlen(result.message) < bytes + size, "a message outside of the bytes");
		CHECK(!data || (data >= bytes && result.size <= (size_t)(bytes + size - data)), "data outside of the bytes");
		before = at;
	}
}

int main(void)
{
	unsigned char data[700];
	char text[701];

	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t n = rng_below(&rng, MOST + 1);
		sheaf_result results[MOST];
		unsigned char *bytes, *cut;
		uint64_t size, less;

		make_results(results, n, data, text);
		CHECK(!pack_results(results, n, &bytes, &size), "no memory");
		check_results(results, n, bytes, size);
		/* In memory of its own, so that a sanitizer sees what is read behind it. */
		less = size ? rng_below(&rng, size + 1) : 0;
		cut = malloc(less ? less : 1);
		memcpy(cut, bytes, less);
		for (unsigned i = 0; less && i < rng_below(&rng, 9); i++)
			cut[rng_below(&rng, less)] = rng_below(&rng, 2) ? 0xff : (unsigned char)rng_next(&rng);
		read_damaged(cut, less);
		free(cut);
		free(bytes);
	}
	printf("%d messages\n", ROUNDS);
	return 0;
}
