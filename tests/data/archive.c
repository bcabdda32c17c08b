/*
 * archive.c - what numpy_files.py has this library do with mapped files, archives and more rows.
 *
 * Usage: archive pack FILE.npz [NAME FILE.npy]...    maps the files and saves them as an archive
 *        archive unpack FILE.npz NAME FILE.npy       loads an array of an archive and saves it
 *        archive copy FILE.npz NAME FILE.npy         the same, but maps it
 *        archive append FILE.npy ROWS.npy            appends the rows of the second to the first
 *        archive list FILE.npz                       prints its arrays
 */
#include "sheaf_file.h"

#include <stdio.h>
#include <string.h>

#define MOST 32

static sheaf_pool *pool;

static int pack(char **words, int count)
{
	const char *names[MOST];
	sheaf_array arrays[MOST];
	size_t n = (size_t)(count - 1) / 2;
	int r = 0;

	for (size_t i = 0; i < n && n <= MOST && !r; i++) {
		names[i] = words[1 + 2 * i];
		r = sheaf_array_map(&arrays[i], pool, words[2 + 2 * i], NULL);
	}
	return r ? r : sheaf_npz_save(words[0], names, arrays, n);
}

static int unpack(char **words, bool map)
{
	sheaf_array array;
	int r = map ? sheaf_array_map(&array, pool, words[0], &(sheaf_file_options){.member = words[1]})
		    : sheaf_array_load(&array, pool, words[0], &(sheaf_load_options){.member = words[1]});

	return r ? r : sheaf_array_save(&array, words[2]);
}

static int append(char **words)
{
	sheaf_array rows;
	int r = sheaf_array_map(&rows, pool, words[1], NULL);

	return r ? r : sheaf_npy_append(words[0], &rows);
}

static int list(const char *path)
{
	sheaf_member members[MOST];
	size_t count;
	int r = sheaf_npz_list(path, members, MOST, &count);

	for (size_t i = 0; !r && i < count && i < MOST; i++)
		printf("%s %llu %d\n", members[i].name, (unsigned long long)members[i].size, members[i].compressed);
	return r;
}

static int run(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "pack"))
		return pack(argv + 2, argc - 2);
	if (argc == 5 && !strcmp(argv[1], "unpack"))
		return unpack(argv + 2, false);
	if (argc == 5 && !strcmp(argv[1], "copy"))
		return unpack(argv + 2, true);
	if (argc == 4 && !strcmp(argv[1], "append"))
		return append(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "list"))
		return list(argv[2]);
	fprintf(stderr, "usage: archive pack|unpack|copy|append|list FILE [WORD]...\n");
	return 1;
}

int main(int argc, char **argv)
{
	int r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 64 << 20});

	if (!r)
		r = run(argc, argv);
	if (r < 0)
		fprintf(stderr, "archive: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r != 0;
}
