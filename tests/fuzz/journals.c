/*
 * journals.c - opens made-up and damaged journals, and checks what must hold for each.
 *
 * Usage: fuzz_journals [SEED [COUNT [FOLDER]]]; with FOLDER the inputs are written there instead,
 * as fuzz_journal.c takes them.
 */
#include "input_file.h"
#include "journal_load.h"
#include "support/arguments.h"
#include "support/report.h"
#include "support/rng.h"

#include <string.h>

#define MOST 2000

/* Records whose numbers are small, or extreme, or anything; then some damage. */
static size_t make_input(struct rng *rng, uint8_t *bytes)
{
	static const uint64_t extremes[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, UINT32_MAX, 1u << 20};
	size_t size = 1 + rng_below(rng, MOST), words = (size - 1) / 8;
	uint64_t damage = rng_below(rng, 3);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)rng_next(rng);
	for (size_t i = 0; i < words; i++) {
		uint64_t word = rng_below(rng, 4) ? rng_below(rng, 40) : extremes[rng_below(rng, 7)];

		if (rng_below(rng, 8))
			memcpy(bytes + 1 + 8 * i, &word, sizeof(word));
	}
	/* Mostly with a header and checksums. */
	bytes[0] = (uint8_t)(rng_below(rng, 8) ? 15 - (rng_below(rng, 4) ? 0 : 4) : rng_next(rng));
	while (damage-- && size > 1)
		bytes[1 + rng_below(rng, size - 1)] ^= (uint8_t)(1u << rng_below(rng, 8));
	return size;
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), count = amount_argument(argc, argv, 2, 3000), opened = 0, records = 0;
	struct rng rng = {seed};
	uint8_t bytes[MOST + 1];

	if (argc <= 3) {
		report_begin("journals", "cases", seed);
		journal_load_begin();
	}
	for (uint64_t i = 0; i < count; i++) {
		size_t size = make_input(&rng, bytes);
		int64_t r;

		if (argc > 3) {
			input_save(argv[3], "journal", i, NULL, 0, bytes, size);
			continue;
		}
		r = journal_load(bytes, size);
		opened += r >= 0;
		records += r > 0 ? (uint64_t)r : 0;
		report_add(1);
	}
	if (argc > 3)
		return 0;
	report_figure("opened", (double)opened);
	report_figure("records", (double)records);
	report_end();
	return 0;
}
