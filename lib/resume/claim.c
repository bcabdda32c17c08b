/*
 * claim.c - a table of words, one for each file that is claimed.
 *
 * No lock, because a thread may fork while another one claims. A word has the process in it, too:
 * in a forked child the claims of its parent count for nothing.
 *
 * Edges             Seq_cst, all: a thread that claims stores its word, and then loads those of all
 *                   others. So of two threads that claim one file, at least one sees both words.
 */
#include "resume/claim.h"

#include "base/atomic.h"
#include "resume/hash.h"
#include "os/files.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_CLAIMS 256
#define MOST_TRIES 100

static _Atomic uint64_t claims[MOST_CLAIMS];

static uint64_t word_of(const struct stat *file)
{
	const uint64_t key[2] = {(uint64_t)getpid(), 0}, id[2] = {(uint64_t)file->st_dev, (uint64_t)file->st_ino};

	return hash_of(key, id, sizeof(id)) | 1;
}

static unsigned count_claims(uint64_t word)
{
	unsigned count = 0;

	for (unsigned i = 0; i < MOST_CLAIMS; i++)
		count += load_seq_cst(&claims[i]) == word;
	return count;
}

/* Claim a file. The claim, >= 0; -EBUSY: it is claimed; -EMFILE: there are too many claims. */
static int claim_take(const struct stat *file)
{
	uint64_t word = word_of(file);

	if (count_claims(word))
		return -EBUSY;
	for (int i = 0; i < MOST_CLAIMS; i++) {
		uint64_t none = 0;

		if (!cas_seq_cst(&claims[i], &none, word))
			continue;
		if (count_claims(word) == 1)
			return i;
		claim_drop(i);
		return -EBUSY;
	}
	return -EMFILE;
}

void claim_drop(int claim)
{
	store_seq_cst(&claims[claim], 0);
}

/* Open what has the name, or make it. -EBUSY, -errno. */
static int open_or_make(const char *path, bool *created)
{
	for (int tries = 0; tries < MOST_TRIES; tries++) {
		struct stat status;
		int fd;

		if (!stat(path, &status) && count_claims(word_of(&status)))
			return -EBUSY;
		*created = false;
		fd = os_open(path, O_RDWR);
		if (fd == -ENOENT) {
			*created = true;
			fd = os_open(path, O_RDWR | O_CREAT | O_EXCL);
		}
		if (fd >= 0)
			return os_raise(fd);
		/* Somebody else has made it meanwhile. */
		if (fd != -EEXIST)
			return fd;
	}
	return -EAGAIN;
}

int claim_open(const char *path, bool *created, int *claim, struct stat *status)
{
	int fd = open_or_make(path, created), r = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, status))
		r = -errno;
	else if (!S_ISREG(status->st_mode))
		r = -ENOTSUP;
	else if ((*claim = claim_take(status)) < 0)
		r = *claim;
	if (!r)
		return fd;
	if (*created)
		unlink(path);
	close(fd);
	return r;
}
