/*
 * zip.c - reads the directory of a ZIP archive.
 *
 * The format is PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3. The directory lies in front of
 * the record of its end. That is searched from the end of the file, because a comment may follow
 * it. Nothing that the archive says is believed before it was compared with the size of the file.
 */
#include "data/zip.h"

#include "base/error.h"
#include "base/little.h"
#include "os/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_SIZE 22 /* of the record of the end, without its comment */
#define LONGEST_COMMENT 65535
#define LOCATOR_SIZE 20
#define END64_SIZE 56
#define ENTRY_SIZE 46
#define LOCAL_SIZE 30
#define LARGEST_DIRECTORY ((uint64_t)256 << 20)
#define SIGNED(bytes, last) ((bytes)[0] == 'P' && (bytes)[1] == 'K' && (bytes)[2] == (last)-1 && (bytes)[3] == (last))

struct directory {
	uint64_t at, size, files;
};

static int fail_damaged(const char *path, const char *what)
{
	return sheaf_fail(-EBADMSG, "%s: is not a ZIP archive, or a damaged one: %s", path, what);
}

/* Read exactly @size bytes. */
static int read_at(int fd, const char *path, void *bytes, size_t size, uint64_t at)
{
	int r = os_read_at(fd, at, bytes, size);

	if (r == -ENODATA)
		return fail_damaged(path, "it ends too early");
	return r ? sheaf_fail(r, "%s: cannot read: %s", path, strerror(-r)) : 0;
}

/* ---- the end ---- */

/* Where the record of the end is too small for its numbers, another one has them. */
static int read_end64(int fd, const char *path, uint64_t end_at, struct directory *directory)
{
	unsigned char locator[LOCATOR_SIZE], end[END64_SIZE];
	uint64_t at;
	int r;

	if (end_at < LOCATOR_SIZE)
		return fail_damaged(path, "the place of its directory is missing");
	if ((r = read_at(fd, path, locator, sizeof(locator), end_at - LOCATOR_SIZE)))
		return r;
	at = little_load(locator + 8, 8);
	if (!SIGNED(locator, 7) || at > end_at - LOCATOR_SIZE || end_at - LOCATOR_SIZE - at < END64_SIZE)
		return fail_damaged(path, "the place of its directory is missing");
	if ((r = read_at(fd, path, end, sizeof(end), at)))
		return r;
	if (end[0] != 'P' || end[1] != 'K' || end[2] != 6 || end[3] != 6)
		return fail_damaged(path, "the end of its directory is missing");
	directory->files = little_load(end + 32, 8);
	directory->size = little_load(end + 40, 8);
	directory->at = little_load(end + 48, 8);
	return 0;
}

static int read_end(int fd, const char *path, uint64_t size, struct directory *directory)
{
	uint64_t tail = size < END_SIZE + LONGEST_COMMENT ? size : END_SIZE + LONGEST_COMMENT, i;
	unsigned char *bytes;
	int r;

	if (size < END_SIZE)
		return fail_damaged(path, "it is too short");
	if (!(bytes = malloc((size_t)tail)))
		return sheaf_fail(-ENOMEM, "%s: no memory for %llu bytes", path, (unsigned long long)tail);
	if ((r = read_at(fd, path, bytes, (size_t)tail, size - tail)))
		goto end;
	for (i = tail - END_SIZE + 1; i-- > 0;)
		if (SIGNED(bytes + i, 6) && little_load(bytes + i + 20, 2) <= tail - i - END_SIZE)
			break;
	if (i == UINT64_MAX) {
		r = fail_damaged(path, "the end of its directory is missing");
		goto end;
	}
	directory->files = little_load(bytes + i + 10, 2);
	directory->size = little_load(bytes + i + 12, 4);
	directory->at = little_load(bytes + i + 16, 4);
	if (little_load(bytes + i + 4, 2) != 0 && little_load(bytes + i + 4, 2) != 0xffff)
		r = sheaf_fail(-ENOTSUP, "%s: is a part of an archive of several parts: join them first", path);
	else if (directory->files == 0xffff || directory->size == 0xffffffff || directory->at == 0xffffffff)
		r = read_end64(fd, path, size - tail + i, directory);
	if (!r && (directory->at > size || directory->size > size - directory->at || directory->size > LARGEST_DIRECTORY ||
		   directory->files > directory->size / ENTRY_SIZE))
		r = fail_damaged(path, "its directory is not where it should be");
end:
	free(bytes);
	return r;
}

/* ---- the directory ---- */

/* Take the numbers of a large file from the extra field of its entry. */
static bool read_large(struct zip_file *file, const unsigned char *extra, size_t size)
{
	uint64_t *wanted[] = {&file->size, &file->stored, &file->header_at};

	while (size >= 4) {
		size_t length = (size_t)little_load(extra + 2, 2);

		if (length > size - 4)
			return false;
		if (little_load(extra, 2) == 1) {
			const unsigned char *at = extra + 4;

			for (unsigned i = 0; i < 3; i++) {
				if (*wanted[i] != 0xffffffff)
					continue;
				if (length < 8)
					return false;
				*wanted[i] = little_load(at, 8);
				at += 8;
				length -= 8;
			}
			return true;
		}
		extra += 4 + length;
		size -= 4 + length;
	}
	return true;
}

/* Read the entry at the beginning of @size bytes. Return its bytes; 0: it is damaged. */
static size_t read_entry(const unsigned char *at, size_t size, struct zip_file *file)
{
	size_t name_size, extra_size, all;

	if (size < ENTRY_SIZE || !SIGNED(at, 2))
		return 0;
	name_size = (size_t)little_load(at + 28, 2);
	extra_size = (size_t)little_load(at + 30, 2);
	all = ENTRY_SIZE + name_size + extra_size + (size_t)little_load(at + 32, 2);
	if (all > size)
		return 0;
	*file = (struct zip_file){.name_size = name_size,
				  .method = (unsigned)little_load(at + 10, 2),
				  .encrypted = little_load(at + 8, 2) & 1,
				  .crc = (uint32_t)little_load(at + 16, 4),
				  .stored = little_load(at + 20, 4),
				  .size = little_load(at + 24, 4),
				  .header_at = little_load(at + 42, 4)};
	memcpy(file->name, at + ENTRY_SIZE, name_size < ZIP_NAME ? name_size : ZIP_NAME - 1);
	return read_large(file, at + ENTRY_SIZE + name_size, extra_size) ? all : 0;
}

int zip_each(int fd, const char *path, zip_fn *fn, void *context)
{
	struct directory directory = {.at = 0};
	unsigned char *bytes;
	struct stat status;
	size_t used = 0;
	int r;

	if (fstat(fd, &status))
		return sheaf_fail(-errno, "%s: cannot read: %s", path, strerror(errno));
	/* What a folder is, its reading tells. */
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return sheaf_fail(-ENOTSUP, "%s: is no regular file, as an archive must be", path);
	if ((r = read_end(fd, path, (uint64_t)status.st_size, &directory)))
		return r;
	if (!(bytes = malloc((size_t)directory.size + 1)))
		return sheaf_fail(-ENOMEM, "%s: no memory for a directory of %llu bytes", path,
				  (unsigned long long)directory.size);
	r = read_at(fd, path, bytes, (size_t)directory.size, directory.at);
	for (uint64_t i = 0; i < directory.files && !r; i++) {
		struct zip_file file;
		size_t entry = read_entry(bytes + used, (size_t)directory.size - used, &file);

		used += entry;
		r = entry ? fn(&file, context) : fail_damaged(path, "an entry of its directory makes no sense");
	}
	free(bytes);
	return r;
}

int zip_find(int fd, const char *path, const struct zip_file *file, uint64_t *at)
{
	unsigned char local[LOCAL_SIZE];
	struct stat status;
	uint64_t begin, size;
	int r;

	if (fstat(fd, &status))
		return sheaf_fail(-errno, "%s: cannot read: %s", path, strerror(errno));
	size = (uint64_t)status.st_size;
	if (file->header_at > size || size - file->header_at < LOCAL_SIZE)
		return fail_damaged(path, "a file of it is not where it should be");
	if ((r = read_at(fd, path, local, sizeof(local), file->header_at)))
		return r;
	begin = file->header_at + LOCAL_SIZE + little_load(local + 26, 2) + little_load(local + 28, 2);
	if (!SIGNED(local, 4) || begin > size || file->stored > size - begin || (!file->method && file->size != file->stored))
		return fail_damaged(path, "a file of it is not where it should be");
	*at = begin;
	return 0;
}
