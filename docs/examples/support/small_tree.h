/*
 * small_tree.h - a tree of folders and files, made in $TMPDIR for as long as an example needs it.
 */
#ifndef SHEAF_SMALL_TREE_H
#define SHEAF_SMALL_TREE_H

enum {
	SMALL_TREE_DEPTH = 3, /* folders in folders */
	SMALL_TREE_WIDTH = 3, /* folders in each folder, and files */
	SMALL_TREE_FOLDERS = 1 + 3 + 9 + 27,
	SMALL_TREE_FILES = SMALL_TREE_FOLDERS * SMALL_TREE_WIDTH,
	SMALL_TREE_BYTES = SMALL_TREE_FOLDERS * (0 + 100 + 200),
};

struct small_tree {
	char path[1024]; /* "" if there is none */
};

/*
 * Make the tree. Return: 0; 1 and a message on stderr, and what was made is small_tree_remove()'s
 * to remove.
 */
int small_tree_make(struct small_tree *tree);

/* Remove what was made. Return: 0; 1 and a message on stderr. */
int small_tree_remove(struct small_tree *tree);

#endif
