/*
 * warn.h - tells the host a sentence.
 */
#ifndef SHEAF_MPI_WARN_H
#define SHEAF_MPI_WARN_H

#include "sheaf_mpi.h"

/* By the function that the host has given, or to stderr. */
void warn_host(const sheaf_cluster_options *options, const char *text);

#endif
