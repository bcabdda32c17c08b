/*
 * record_write.c - a record by one writev(), which a full disk may cut.
 *
 * Deaths            Of the writer: the beginning of a header, or of a record.
 */
#include "resume/record_write.h"

#include "os/files.h"
#include "os/os.h"
#include "os/sync.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

static int write_pieces(int fd, struct iovec *pieces, int count)
{
	while (count) {
		ssize_t n = writev(fd, pieces, count);

		if (n < 0 && errno != EINTR)
			return -errno;
		/* A disk that takes nothing and gives no reason. */
		if (!n)
			return -ENOSPC;
		while (n > 0 && count) {
			size_t taken = (size_t)n < pieces->iov_len ? (size_t)n : pieces->iov_len;

			pieces->iov_base = (char *)pieces->iov_base + taken;
			pieces->iov_len -= taken;
			n -= (ssize_t)taken;
			if (pieces->iov_len)
				break;
			pieces++;
			count--;
		}
		while (count && !pieces->iov_len) {
			pieces++;
			count--;
		}
	}
	return 0;
}

int record_cut(int fd, uint64_t end)
{
	int r;

	do
		r = ftruncate(fd, (off_t)end) ? -errno : 0;
	while (r == -EINTR);
	return !r && lseek(fd, (off_t)end, SEEK_SET) < 0 ? -errno : r;
}

int record_begin(struct record_file *file)
{
	unsigned char header[RECORD_HEADER];
	struct iovec piece = {header, sizeof(header)};
	int r = os_random(&file->nonce);

	record_make_header(file, header);
	if (r || (r = record_cut(file->fd, 0)))
		return r;
	if (!os_file_fits(0, RECORD_HEADER))
		return -EFBIG;
	r = write_pieces(file->fd, &piece, 1);
	return r ? r : os_sync(file->fd);
}

int record_write(const struct record_file *file, const struct record *record, const void *payload)
{
	unsigned char head[RECORD_HEAD], tail[RECORD_TAIL + 7];
	size_t tail_size = record_make(file, record, payload, head, tail);
	struct iovec pieces[3] = {{head, RECORD_HEAD}, {(void *)(uintptr_t)payload, record->size}, {tail, tail_size}};

	if (!os_file_fits(record->offset, record_length(record->size)))
		return -EFBIG;
	if (!record->size)
		pieces[1] = pieces[2];
	return write_pieces(file->fd, pieces, record->size ? 3 : 2);
}
