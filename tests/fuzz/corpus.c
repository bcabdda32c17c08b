/*
 * corpus.c - writes the seeds of fuzz_inspect.c: segments of live pools, cut behind the heap map.
 *
 * Usage: fuzz_corpus FOLDER
 */
#include "image.h"
#include "input_file.h"

#include <stdio.h>
#include <stdlib.h>

static void save(const char *folder, uint64_t n)
{
	struct image image;

	image_take(&image, n);
	input_save(folder, "loop-of", n, &image.header.size, sizeof(image.header.size), image.bytes,
		   (size_t)image.header.heap_map + 256);
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
