/*
 * data.c - loads made-up tables, and checks for each one that it costs no more memory than it may,
 * and what else must hold.
 *
 * Usage: fuzz_data [SEED [COUNT [FOLDER]]]; with FOLDER the inputs are written there instead, as
 * fuzz_tables.c takes them.
 */
#include "support/arguments.h"
#include "support/report.h"
#include "support/rng.h"
#include "tables.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The inputs, one file each: options, then bytes. */
static void save(const char *folder, uint64_t number, const struct table_input *input)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/table-%llu", folder, (unsigned long long)number);
	file = fopen(path, "w");
	CHECK(file, "%s: %s", path, strerror(errno));
	fputc((int)(input->header | input->missing << 2 | (unsigned)input->piped << 4), file);
	CHECK(fwrite(input->bytes, 1, input->size, file) == input->size && !fclose(file), "%s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), count = amount_argument(argc, argv, 2, 20000), loaded = 0, values = 0;
	struct rng rng = {seed};
	double worst = 0;

	if (argc > 3) {
		for (uint64_t i = 0; i < count; i++) {
			struct table_input input;

			table_make(&rng, &input);
			if (input.size < 20000)
				save(argv[3], i, &input);
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
