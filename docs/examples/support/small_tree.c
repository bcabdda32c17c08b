/*
 * small_tree.c - makes the tree, level by level, and removes it by the same names.
 */
#include "small_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME 12 /* bytes of a name in the tree, with its slash and its 0 */
#define NAMES (NAME * (SMALL_TREE_DEPTH + 1))

static int complain(const char *what, const char *path)
{
	fprintf(stderr, "%s %s: %s; set TMPDIR to a folder with some free space\n", what, path, strerror(errno));
	return 1;
}

/* Write a file of 100 bytes times its number. */
static int make_file(const char *path, int number)
{
	FILE *file = fopen(path, "wx");

	if (!file)
		return complain("make", path);
	for (int i = 0; i < number; i++)
		fprintf(file, "%99d\n", i);
	return fclose(file) == 0 ? 0 : complain("write", path);
}

/* @path: with room behind its end for the names of all levels. */
static int fill(char *path, int depth)
{
	char *end = path + strlen(path);
	int r = 0;

	for (int i = 0; r == 0 && i < SMALL_TREE_WIDTH; i++) {
		snprintf(end, NAME, "/file%d", i);
		r = make_file(path, i);
		if (r != 0 || depth == SMALL_TREE_DEPTH)
			continue;
		snprintf(end, NAME, "/folder%d", i);
		r = mkdir(path, 0700) == 0 ? fill(path, depth + 1) : complain("make", path);
	}
	*end = '\0';
	return r;
}

int small_tree_make(struct small_tree *tree)
{
	const char *place = getenv("TMPDIR");

	if (!place || !*place)
		place = "/tmp";
	if (snprintf(tree->path, sizeof(tree->path) - NAMES, "%s/sheaf-walk-XXXXXX", place) >=
	    (int)sizeof(tree->path) - NAMES) {
		*tree->path = '\0';
		errno = ENAMETOOLONG;
		return complain("make a folder in", place);
	}
	if (!mkdtemp(tree->path)) {
		*tree->path = '\0';
		return complain("make a folder in", place);
	}
	return fill(tree->path, 0);
}

/* What was never made needs no removal. */
static int remove_path(const char *path)
{
	return remove(path) == 0 || errno == ENOENT || errno == ENOTDIR ? 0 : complain("remove", path);
}

static int empty(char *path, int depth)
{
	char *end = path + strlen(path);
	int r = 0;

	for (int i = 0; i < SMALL_TREE_WIDTH; i++) {
		snprintf(end, NAME, "/file%d", i);
		r |= remove_path(path);
		snprintf(end, NAME, "/folder%d", i);
		if (depth < SMALL_TREE_DEPTH)
			r |= empty(path, depth + 1);
	}
	*end = '\0';
	return r | remove_path(path);
}

int small_tree_remove(struct small_tree *tree)
{
	int r = *tree->path ? empty(tree->path, 0) : 0;

	*tree->path = '\0';
	return r;
}
