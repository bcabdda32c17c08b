/*
 * input_file.h - writes an input to a file, as libFuzzer takes them for a beginning.
 */
#ifndef SHEAF_TESTS_FUZZ_INPUT_FILE_H
#define SHEAF_TESTS_FUZZ_INPUT_FILE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Write the file FOLDER/NAME-NUMBER: @head_size bytes of options, then the input itself. Ends the
 * program if it cannot.
 */
void input_save(const char *folder, const char *name, uint64_t number, const void *head, size_t head_size, const void *bytes,
		size_t size);

#endif
