/*
 * tables.h - makes files of tables: right ones, wrong ones, and some that only an enemy would
 * write.
 */
#ifndef SHEAF_TESTS_FUZZ_TABLES_H
#define SHEAF_TESTS_FUZZ_TABLES_H

#include "table_load.h"
#include "support/rng.h"

/*
 * The next input: by a grammar, then perhaps damaged. Its bytes are valid until the next one is
 * made.
 */
void table_make(struct rng *rng, struct table_input *input);

#endif
