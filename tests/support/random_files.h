/*
 * random_files.h - mapped files for random_batches.h: workers fill one, and it is read back.
 */
#ifndef SHEAF_TESTS_SUPPORT_RANDOM_FILES_H
#define SHEAF_TESTS_SUPPORT_RANDOM_FILES_H

#include "random_batches.h"

/*
 * Map a file of a random size, have tasks write and read it, and unmap it. The file has no name by
 * then, and what was mapped before it at its addresses had other numbers. A program that has joined
 * may map none, and a system without /proc cannot find it: then it does nothing.
 */
void random_file_run(struct random_batches *batches);

#endif
