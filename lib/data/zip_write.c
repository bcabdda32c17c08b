/*
 * zip_write.c - writes a ZIP archive of stored files.
 *
 * The numbers of a file of 4 GiB or more, or behind the first 4 GiB, are in an extra field of its
 * entry, the 64-bit form of the format. Each file begins at a multiple of 64, so that its items are
 * aligned where it is mapped: another extra field, of a number that programs skip, fills the gap.
 */
#include "data/zip.h"

#include "base/little.h"
#include "os/replace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILLER 0xd935 /* the number of an extra field for alignment, as Android's zipalign has it */
#define ALIGNED 64
#define MOST_EXTRA (20 + 4 + 2 * ALIGNED)
#define MANY 0xffffffffu

struct bytes {
	unsigned char at[64 + ZIP_NAME + MOST_EXTRA];
	size_t used;
};

static void zip_number(struct bytes *bytes, uint64_t value, unsigned size)
{
	little_store(bytes->at + bytes->used, size, value);
	bytes->used += size;
}

static void zip_text(struct bytes *bytes, const char *text, size_t size)
{
	memcpy(bytes->at + bytes->used, text, size);
	bytes->used += size;
}

/* What local header and entry have in common, from the version needed on. */
static void put_common(struct bytes *bytes, bool large, uint32_t crc, uint64_t size)
{
	zip_number(bytes, large ? 45 : 20, 2);
	zip_number(bytes, 0x0800, 2);     /* names are UTF-8 */
	zip_number(bytes, 0, 2);          /* stored */
	zip_number(bytes, 0x00210000, 4); /* 1 January 1980: the same bytes each time */
	zip_number(bytes, crc, 4);
	zip_number(bytes, large ? MANY : size, 4);
	zip_number(bytes, large ? MANY : size, 4);
}

static int write_bytes(struct zip_writer *zip, const struct bytes *bytes)
{
	int r = os_replace_write(zip->fd, bytes->at, bytes->used);

	zip->at += bytes->used;
	return r;
}

/* Write the header in front of a file. */
static int write_local(struct zip_writer *zip, const char *name, size_t name_size, uint64_t size, uint32_t crc)
{
	bool large = size >= MANY;
	size_t fixed = 30 + name_size + (large ? 20u : 0u) + 4u, gap = (ALIGNED - (zip->at + fixed) % ALIGNED) % ALIGNED;
	struct bytes bytes = {.used = 0};

	zip_number(&bytes, 0x04034b50, 4);
	put_common(&bytes, large, crc, size);
	zip_number(&bytes, name_size, 2);
	zip_number(&bytes, (large ? 20u : 0u) + 4u + gap, 2);
	zip_text(&bytes, name, name_size);
	if (large) {
		zip_number(&bytes, 1, 2);
		zip_number(&bytes, 16, 2);
		zip_number(&bytes, size, 8);
		zip_number(&bytes, size, 8);
	}
	zip_number(&bytes, FILLER, 2);
	zip_number(&bytes, gap, 2);
	for (size_t i = 0; i < gap; i++)
		zip_number(&bytes, 0, 1);
	return write_bytes(zip, &bytes);
}

/* Note a file for the directory. */
static int note_entry(struct zip_writer *zip, const char *name, size_t name_size, uint64_t size, uint32_t crc)
{
	bool large = size >= MANY, far = zip->at >= MANY;
	size_t extra = large || far ? 4u + (large ? 16u : 0u) + (far ? 8u : 0u) : 0;
	struct bytes bytes = {.used = 0};

	zip_number(&bytes, 0x02014b50, 4);
	zip_number(&bytes, 3 << 8 | 45, 2); /* made by: Unix, 4.5 */
	put_common(&bytes, large || far, crc, size);
	if (!large) {
		bytes.used -= 8;
		zip_number(&bytes, size, 4);
		zip_number(&bytes, size, 4);
	}
	zip_number(&bytes, name_size, 2);
	zip_number(&bytes, extra, 2);
	zip_number(&bytes, 0, 2); /* no comment */
	zip_number(&bytes, 0, 2); /* the first part */
	zip_number(&bytes, 0, 2);
	zip_number(&bytes, (uint64_t)0100600 << 16, 4); /* its mode */
	zip_number(&bytes, far ? MANY : zip->at, 4);
	zip_text(&bytes, name, name_size);
	if (extra) {
		zip_number(&bytes, 1, 2);
		zip_number(&bytes, extra - 4, 2);
		if (large)
			zip_number(&bytes, size, 8);
		if (large)
			zip_number(&bytes, size, 8);
		if (far)
			zip_number(&bytes, zip->at, 8);
	}
	if (zip->used + bytes.used > zip->room) {
		size_t room = 2 * (zip->used + bytes.used);
		unsigned char *larger = realloc(zip->directory, room);

		if (!larger)
			return -ENOMEM;
		zip->directory = larger;
		zip->room = room;
	}
	memcpy(zip->directory + zip->used, bytes.at, bytes.used);
	zip->used += bytes.used;
	zip->files++;
	return 0;
}

int zip_begin(struct zip_writer *zip, const char *name, uint64_t size, uint32_t crc)
{
	size_t name_size = strlen(name);
	int r = note_entry(zip, name, name_size, size, crc);

	if (!r)
		r = write_local(zip, name, name_size, size, crc);
	zip->at += r ? 0 : size;
	return r;
}

int zip_end(struct zip_writer *zip)
{
	uint64_t at = zip->at, size = zip->used;
	bool large = at >= MANY || size >= MANY || zip->files >= 0xffff;
	struct bytes bytes = {.used = 0};
	int r = os_replace_write(zip->fd, zip->directory, zip->used);

	zip->at += zip->used;
	if (large) {
		zip_number(&bytes, 0x06064b50, 4);
		zip_number(&bytes, 44, 8);
		zip_number(&bytes, 3 << 8 | 45, 2);
		zip_number(&bytes, 45, 2);
		zip_number(&bytes, 0, 8);
		zip_number(&bytes, zip->files, 8);
		zip_number(&bytes, zip->files, 8);
		zip_number(&bytes, size, 8);
		zip_number(&bytes, at, 8);
		zip_number(&bytes, 0x07064b50, 4);
		zip_number(&bytes, 0, 4);
		zip_number(&bytes, at + size, 8);
		zip_number(&bytes, 1, 4);
	}
	zip_number(&bytes, 0x06054b50, 4);
	zip_number(&bytes, 0, 4);
	zip_number(&bytes, zip->files < 0xffff ? zip->files : 0xffff, 2);
	zip_number(&bytes, zip->files < 0xffff ? zip->files : 0xffff, 2);
	zip_number(&bytes, size < MANY ? size : MANY, 4);
	zip_number(&bytes, at < MANY ? at : MANY, 4);
	zip_number(&bytes, 0, 2);
	return r ? r : write_bytes(zip, &bytes);
}

void zip_forget(struct zip_writer *zip)
{
	free(zip->directory);
	zip->directory = NULL;
}
