/*
 * foreign.c - tells files that are no CSV by their first bytes.
 *
 * Compressed data have lines, too, and would be read as rows of texts. No text in UTF-8 begins with
 * any of these bytes but those of bzip2, which need six letters in a row.
 */
#include "data/foreign.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

#define UNPACK "decompress it first; or pipe it, and read the pipe"

static const struct kind_of_file {
	const char *bytes; /* '?' stands for any one */
	size_t size;
	const char *name, *advice;
} kinds_of_file[] = {
	{"\x1f\x8b", 2, "compressed by gzip", UNPACK},
	{"\x28\xb5\x2f\xfd", 4, "compressed by zstd", UNPACK},
	{"\xfd"
	 "7zXZ",
	 5, "compressed by xz", UNPACK},
	{"BZh?1A", 6, "compressed by bzip2", UNPACK},
	{"\xff\xfe", 2, "text in UTF-16", "convert it to UTF-8, as by iconv"},
	{"\xfe\xff", 2, "text in UTF-16", "convert it to UTF-8, as by iconv"},
	{"PK\3\4", 4, "a ZIP archive, as .npz and .xlsx files are", "sheaf_array_load() reads .npz files"},
	{"\x93NUMPY", 6, "an .npy file", "sheaf_array_load() reads it"},
	{"PAR1\x15", 5, "a Parquet file", "write it as CSV"},
	{"\x89HDF", 4, "an HDF5 file", "write it as CSV"},
};

static bool begins_as(const struct kind_of_file *kind, const unsigned char *head, size_t size)
{
	if (size < kind->size)
		return false;
	for (size_t i = 0; i < kind->size; i++)
		if (kind->bytes[i] != '?' && (unsigned char)kind->bytes[i] != head[i])
			return false;
	return true;
}

int foreign_refuse(const struct input *input)
{
	for (size_t i = 0; i < sizeof(kinds_of_file) / sizeof(kinds_of_file[0]); i++)
		if (begins_as(&kinds_of_file[i], input->head, input->head_size))
			return sheaf_fail(-EBADMSG, "%s: is no CSV, but %s: %s", input->path, kinds_of_file[i].name,
					  kinds_of_file[i].advice);
	return 0;
}
