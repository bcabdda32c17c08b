/*
 * corpus.c - writes the seeds of fuzz_inspect.c: segments of live pools, cut behind the heap map.
 *
 * Usage: fuzz_corpus FOLDER
 */
#include "image.h"
#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void save(const char *folder, uint64_t n)
{
	struct image image;
	size_t size;
	char path[4096];
	FILE *seed;

	image_take(&image, n);
	size = (size_t)image.header.heap_map + 256;
	snprintf(path, sizeof(path), "%s/loop-of-%llu", folder, (unsigned long long)n);
	seed = fopen(path, "w");
	CHECK(seed, "%s: %s", path, strerror(errno));
	CHECK(fwrite(&image.header.size, sizeof(image.header.size), 1, seed) == 1 && fwrite(image.bytes, size, 1, seed) == 1 &&
		      !fclose(seed),
	      "%s: %s", path, strerror(errno));
	free(image.bytes);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: fuzz_corpus FOLDER\n");
		return 2;
	}
	save(argv[1], 2);
	save(argv[1], 200);
	save(argv[1], 1200);
	return 0;
}
