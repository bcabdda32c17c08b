/*
 * journal_load.h - opens made-up bytes as a journal, and checks what must hold whatever is in them.
 */
#ifndef SHEAF_TESTS_FUZZ_JOURNAL_LOAD_H
#define SHEAF_TESTS_FUZZ_JOURNAL_LOAD_H

#include <stddef.h>
#include <stdint.h>

/* Before all others: have a file for this process, which is gone when it exits. */
void journal_load_begin(void);

/*
 * Make a journal of these bytes and open it. The first byte says how: bit 0: they follow a header
 * that is right, else they are the file; bit 1: heads are given their checksums; bit 2: payloads,
 * too; bit 3: sizes are made to fit. So what is behind the checksums is reached. Ends the program
 * where a rule is broken. Return: how many records there are; or a negative errno.
 */
int64_t journal_load(const uint8_t *bytes, size_t size);

#endif
