/*
 * identity.c - which job it is, as a chain of hashes.
 *
 * Each part is hashed with the hash so far as the key: its kind, the length of its name, the name,
 * and its bytes. So nothing that follows can undo a difference, and no two lists of parts are one
 * text.
 */
#include "sheaf_resume.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/little.h"
#include "resume/hash.h"
#include "os/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EDGE ((size_t)64 * 1024)
#define BLOCK ((size_t)4096)
#define BLOCKS 62

enum part { PART_FUNCTION = 1, PART_PARAMETER = 2, PART_SAMPLED = 3, PART_FULL = 4 };

static void part_begin(struct hash *hash, const sheaf_identity *identity, enum part part, const char *name)
{
	unsigned char head[16];
	size_t length = strlen(name);

	little_store(head, 8, part);
	little_store(head + 8, 8, length);
	hash_begin(hash, identity->hash, true);
	hash_add(hash, head, sizeof(head));
	hash_add(hash, name, length);
}

static void add_number(struct hash *hash, uint64_t number)
{
	unsigned char bytes[8];

	little_store(bytes, 8, number);
	hash_add(hash, bytes, sizeof(bytes));
}

int sheaf_identity_begin(sheaf_identity *identity, const char *name, uint64_t version)
{
	sheaf_identity begun = {0};
	struct hash hash;

	if (!identity || !name)
		return sheaf_fail(-EINVAL, "sheaf_identity_begin: %s is NULL", identity ? "name" : "identity");
	part_begin(&hash, &begun, PART_FUNCTION, name);
	add_number(&hash, version);
	hash_end(&hash, begun.hash);
	memcpy(begun.text, name, strnlen(name, SHEAF_IDENTITY_TEXT - 1));
	*identity = begun;
	return 0;
}

int sheaf_identity_add(sheaf_identity *identity, const char *name, const void *bytes, size_t size)
{
	struct hash hash;

	if (!identity || !name || (size && !bytes))
		return sheaf_fail(-EINVAL, "sheaf_identity_add: %s is NULL", !identity ? "identity" : !name ? "name" : "bytes");
	part_begin(&hash, identity, PART_PARAMETER, name);
	if (size)
		hash_add(&hash, bytes, size);
	hash_end(&hash, identity->hash);
	return 0;
}

/* ---- Files ---- */

/* Hash the bytes from @from up to @end. */
static int hash_range(struct hash *hash, int fd, uint64_t from, uint64_t end, unsigned char *buffer)
{
	while (from < end) {
		size_t piece = end - from < EDGE ? (size_t)(end - from) : EDGE;
		int r = os_read_at(fd, from, buffer, piece);

		if (r)
			return r;
		hash_add(hash, buffer, piece);
		from += piece;
	}
	return 0;
}

/* The edges, and blocks that begin at even distances between them. */
static int add_samples(struct hash *hash, int fd, uint64_t size, unsigned char *buffer)
{
	uint64_t inner;
	int r;

	if (size <= 2 * EDGE + BLOCKS * BLOCK)
		return hash_range(hash, fd, 0, size, buffer);
	inner = size - 2 * EDGE - BLOCK;
	r = hash_range(hash, fd, 0, EDGE, buffer);
	for (uint64_t i = 0; i < BLOCKS && !r; i++) {
		uint64_t at = EDGE + inner / (BLOCKS - 1) * i;

		r = hash_range(hash, fd, at, at + BLOCK, buffer);
	}
	return r ? r : hash_range(hash, fd, size - EDGE, size, buffer);
}

static int add_content(struct hash *hash, int fd, const struct stat *before, enum sheaf_content content)
{
	unsigned char *buffer = malloc(EDGE);
	uint64_t size = (uint64_t)before->st_size;
	struct stat after;
	int r;

	if (!buffer)
		return -ENOMEM;
	add_number(hash, size);
	if (content == SHEAF_SAMPLED) {
		add_number(hash, (uint64_t)before->st_mtim.tv_sec);
		add_number(hash, (uint64_t)before->st_mtim.tv_nsec);
		r = add_samples(hash, fd, size, buffer);
	} else {
		r = hash_range(hash, fd, 0, size, buffer);
	}
	free(buffer);
	if (!r && fstat(fd, &after))
		r = -errno;
	if (r == -ENODATA || (!r && (after.st_size != before->st_size || after.st_mtim.tv_sec != before->st_mtim.tv_sec ||
				     after.st_mtim.tv_nsec != before->st_mtim.tv_nsec)))
		r = -EAGAIN;
	return r;
}

static int add_file(sheaf_identity *identity, const char *path, enum sheaf_content content)
{
	sheaf_identity changed = *identity;
	struct stat status;
	struct hash hash;
	int fd = os_open(path, O_RDONLY), r = 0;

	if (fd < 0)
		return sheaf_fail(fd, "%.200s: cannot open: %s", path, strerror(-fd));
	if (fstat(fd, &status))
		r = -errno;
	else if (!S_ISREG(status.st_mode))
		r = S_ISDIR(status.st_mode) ? -EISDIR : -ENOTSUP;
	if (!r) {
		part_begin(&hash, identity, content == SHEAF_FULL ? PART_FULL : PART_SAMPLED, "");
		r = add_content(&hash, fd, &status, content);
	}
	close(fd);
	if (r == -ENOTSUP)
		return sheaf_fail(r, "%.200s: is no regular file: add what identifies it by sheaf_identity_add()", path);
	if (r == -EAGAIN)
		return sheaf_fail(r, "%.200s: changed while it was read: try again when its writer has ended", path);
	if (r)
		return sheaf_fail(r, "%.200s: cannot read: %s", path, strerror(-r));
	hash_end(&hash, changed.hash);
	*identity = changed;
	return 0;
}

int sheaf_identity_add_file(sheaf_identity *identity, const char *path, enum sheaf_content content)
{
	int cancel, r;

	if (!identity || !path)
		return sheaf_fail(-EINVAL, "sheaf_identity_add_file: %s is NULL", identity ? "path" : "identity");
	if (content != SHEAF_SAMPLED && content != SHEAF_FULL)
		return sheaf_fail(-EINVAL, "sheaf_identity_add_file: content is %d", (int)content);
	/* A thread that is cancelled in the midst would leave a file open. */
	cancel = cancel_refuse();
	r = add_file(identity, path, content);
	cancel_allow(cancel);
	return r;
}
