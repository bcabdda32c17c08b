/*
 * parzen_options.h - the command line of parzen.
 */
#ifndef EXAMPLES_PARZEN_OPTIONS_H
#define EXAMPLES_PARZEN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct options {
	const char *data;  /* file of samples; NULL: the published data set */
	double *point;     /* NULL: the origin */
	size_t point_size; /* number of its coordinates */
	double *widths;
	size_t width_count;
	unsigned workers;  /* 0: one per usable CPU */
	unsigned attempts; /* 0: the library's default */
	unsigned long repeat;
	bool csv;
	const char *svg; /* NULL: parzen.svg, but not with csv */
};

enum options_outcome { OPTIONS_READY, OPTIONS_HELP, OPTIONS_BAD };

/* Report bad options on stderr. Call options_free() in every case, also after an error. */
enum options_outcome options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

#endif
