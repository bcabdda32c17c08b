/*
 * data.c - loads made-up tables, and checks for each one that it costs no more memory than it may,
 * and what else must hold.
 *
 * Usage: fuzz_data [SEED [COUNT [FOLDER]]]; with FOLDER the inputs are written there instead, as
 * fuzz_tables.c takes them.
 */
#include "input_file.h"
#include "support/arguments.h"
#include "support/report.h"
#include "support/rng.h"
#include "tables.h"

#include <signal.h>

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), count = amount_argument(argc, argv, 2, 20000), loaded = 0, values = 0;
	struct rng rng = {seed};
	double worst = 0;

	if (argc > 3) {
		for (uint64_t i = 0; i < count; i++) {
			struct table_input input;
			uint8_t head;

			table_make(&rng, &input);
			head = (uint8_t)(input.header | input.missing << 2 | (unsigned)input.piped << 4);
			if (input.size < 20000)
				input_save(argv[3], "table", i, &head, sizeof(head), input.bytes, input.size);
		}
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	report_begin("tables", "cases", seed);
	table_load_begin();
	for (uint64_t i = 0; i < count; i++) {
		struct table_input input;
		struct memory_use use;
		double part;

		table_make(&rng, &input);
		loaded += table_load(&input, &use) == 0;
		part = (double)use.peak / (double)(8 * use.read + (1 << 20));
		worst = part > worst ? part : worst;
		values += use.read;
		report_add(1);
	}
	table_load_end();
	report_figure("loaded", (double)loaded);
	report_figure("bytes", (double)values);
	report_figure("worst_part_of_bound", worst);
	report_end();
	return 0;
}
