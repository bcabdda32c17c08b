/*
 * predict_files.h - the files that predict_groups.c reads: rows of sites, and a model for each.
 */
#ifndef SHEAF_PREDICT_FILES_H
#define SHEAF_PREDICT_FILES_H

#include <sheaf.h>

enum { SITES = 97, NAME = 4, FEATURES = 3, UNITS = 8 };

/* A network with one layer of hidden units. Its file has these numbers, as text. */
struct model {
	double hidden[UNITS][FEATURES + 1]; /* a weight for each feature, and one of its own */
	double output[UNITS + 1];
};

enum { WEIGHTS = sizeof(struct model) / sizeof(double) };

/* Name the file of a site's model. @name: @length bytes, or less if a zero ends it */
void predict_model_path(char *path, size_t size, const char *folder, const char *name, size_t length);

/*
 * Make the folder, the models, and measured.csv in it, all from positions alone. Return: 0; 1 and a
 * message on stderr; what the functions of Sheaf return.
 */
int predict_make_files(sheaf_pool *pool, size_t rows, const char *folder);

#endif
