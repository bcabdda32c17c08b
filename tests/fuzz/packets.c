/*
 * packets.c - plays random packets to the ranks of a cluster, and checks what must hold for each.
 *
 * Usage: fuzz_packets [SEED [COUNT [FOLDER]]]; with FOLDER the inputs are written there instead, as
 * fuzz_packets.c takes them.
 */
#include "input_file.h"
#include "packet_load.h"
#include "support/arguments.h"
#include "support/report.h"
#include "support/rng.h"

#define LONGEST 400

/* Packets that mostly fit, of all kinds. */
static size_t make_input(struct rng *rng, uint8_t *bytes)
{
	size_t size = 2 + rng_below(rng, LONGEST - 2);
	uint64_t fits = rng_below(rng, 4);

	for (size_t i = 0; i < size; i++) {
		bytes[i] = (uint8_t)rng_next(rng);
		if (i > 1 && rng_below(rng, 4) < fits)
			bytes[i] = (uint8_t)(8 + rng_below(rng, 4) + 16 * rng_below(rng, 3));
	}
	return size;
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), count = amount_argument(argc, argv, 2, 20000), done = 0;
	struct rng rng = {seed};
	uint8_t bytes[LONGEST];

	if (argc <= 3) {
		report_begin("packets", "cases", seed);
		packet_load_begin();
	}
	for (uint64_t i = 0; i < count; i++) {
		size_t size = make_input(&rng, bytes);

		if (argc > 3) {
			input_save(argv[3], "packets", i, NULL, 0, bytes, size);
			continue;
		}
		done += packet_load(bytes, size) == 0;
		report_add(1);
	}
	if (argc > 3)
		return 0;
	packet_load_end();
	report_figure("done", (double)done);
	report_end();
	return 0;
}
