/*
 * warn.c - tells the host a sentence that is no error.
 */
#include "mpi/warn.h"

#include <stdio.h>

void warn_host(const sheaf_cluster_options *options, const char *text)
{
	if (options && options->warn)
		options->warn(options->warn_context, text);
	else
		fprintf(stderr, "sheaf: %s\n", text);
}
