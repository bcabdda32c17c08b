/*
 * walk_folders.c - tasks that are found on the way: each reads one folder, submits a task for each
 * folder in it, and adds up the files and bytes below.
 *
 * Without --folder it walks a small tree of its own, which it makes in $TMPDIR and removes.
 *
 * Run: build/docs/examples/walk_folders [--folder FOLDER] [--workers N]
 */
#include "support/example.h"
#include "support/small_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct sums {
	uint64_t folders, files, bytes, unreadable;
};

/* The paths of the folders in a folder, one behind the other, each with its 0. */
struct paths {
	char *text;
	size_t length;
};

static int add_path(struct paths *paths, const char *folder, const char *name)
{
	size_t size = strlen(folder) + 1 + strlen(name) + 1;
	char *text = realloc(paths->text, paths->length + size);

	if (!text)
		return -ENOMEM;
	snprintf(text + paths->length, size, "%s/%s", folder, name);
	paths->text = text;
	paths->length += size;
	return 0;
}

/* Count what is in a folder. Links are not followed, so no way leads in a circle. */
static int read_folder(const char *folder, struct sums *sums, struct paths *paths)
{
	DIR *open = opendir(folder);
	struct dirent *entry;
	struct stat about;
	int r = 0;

	sums->folders++;
	if (!open) {
		sums->unreadable++; /* or it is no longer there */
		return 0;
	}
	while (r == 0 && (entry = readdir(open))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(open), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) {
			sums->unreadable++;
		} else if (S_ISDIR(about.st_mode)) {
			r = add_path(paths, folder, entry->d_name);
		} else if (S_ISREG(about.st_mode)) {
			sums->files++;
			sums->bytes += (uint64_t)about.st_size;
		}
	}
	closedir(open);
	return r;
}

static sheaf_task_fn walk;

static int submit_all(sheaf_batch *batch, const struct paths *paths)
{
	uint64_t position = 0;
	int r = 0;

	for (size_t at = 0; r == 0 && at < paths->length; at += strlen(paths->text + at) + 1)
		r = sheaf_submit(batch, position++, walk, paths->text + at, strlen(paths->text + at) + 1);
	return r;
}

/* Walk each of these folders by a task of its own, and add up. */
static int walk_all(sheaf_pool *pool, const struct paths *paths, struct sums *sums)
{
	const sheaf_batch_options options = {.result_size = sizeof(struct sums)};
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n = 0;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r == 0)
		r = submit_all(batch, paths);
	if (r == 0)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct sums *found = results[i].data;

		sums->folders += found->folders;
		sums->files += found->files;
		sums->bytes += found->bytes;
		sums->unreadable += found->unreadable;
	}
	if (r == 0)
		sheaf_batch_retire(batch); /* else it ends with this task */
	return r;
}

/* The folder is closed before its tasks are made: those that wait hold no descriptor. */
static int walk(sheaf_task *task, const void *arg, void *result)
{
	struct paths paths = {0};
	int r = read_folder(arg, result, &paths);

	if (r < 0)
		r = sheaf_task_fail(task, r, "no memory for what is in %s", (const char *)arg);
	else if (paths.length && (r = walk_all(sheaf_task_pool(task), &paths, result)) != 0)
		r = sheaf_task_fail(task, r < 0 ? r : -ECANCELED, "%s", sheaf_message());
	free(paths.text);
	return r;
}

static int run(sheaf_pool *pool, const char *folder, bool own)
{
	const struct sums wanted = {SMALL_TREE_FOLDERS, SMALL_TREE_FILES, SMALL_TREE_BYTES, 0};
	struct sums sums;
	int r = sheaf_apply(pool, walk, folder, strlen(folder) + 1, &sums, sizeof(sums), NULL);

	if (r < 0)
		return r;
	printf("%s: %" PRIu64 " files in %" PRIu64 " folders, %" PRIu64 " bytes", own ? "a small tree" : folder, sums.files,
	       sums.folders, sums.bytes);
	if (sums.unreadable)
		printf(", and %" PRIu64 " that could not be read", sums.unreadable);
	printf("\n");
	if (own && memcmp(&sums, &wanted, sizeof(sums)) != 0) {
		fprintf(stderr, "walk_folders: but the tree has %u files in %u folders, %u bytes\n", SMALL_TREE_FILES,
			SMALL_TREE_FOLDERS, SMALL_TREE_BYTES);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *folder = NULL;
	const struct example_option own[] = {
		{"--folder", "the folder to walk; without it, a small tree of its own", .text = &folder},
		{0},
	};
	const sheaf_pool_options options = {.workers = example_options(argc, argv, own)};
	struct small_tree tree = {{0}};
	sheaf_pool *pool = NULL;
	int r = folder ? 0 : small_tree_make(&tree);

	if (r == 0)
		r = sheaf_pool_create(&pool, &options);
	if (r == 0)
		r = run(pool, folder ? folder : tree.path, !folder);
	r = example_end(r);
	sheaf_pool_destroy(pool);
	if (small_tree_remove(&tree) != 0)
		r = EXIT_FAILURE;
	return r;
}
