/*
 * record.h - the bytes of journals and caches: a header, then records, each of which proves itself.
 *
 * A record is believed only in the file, and at the offset, that it was written for. Tables of the
 * bytes are in docs/explanation/resume.md.
 */
#ifndef SHEAF_RESUME_RECORD_H
#define SHEAF_RESUME_RECORD_H

#include "sheaf_resume.h"

#include <stddef.h>
#include <stdint.h>

#define RECORD_HEADER 128               /* bytes of a file before its records */
#define RECORD_HEAD 40                  /* bytes of a record before its payload */
#define RECORD_TAIL 8                   /* behind it */
#define RECORD_MOST (UINT64_C(1) << 46) /* bytes of a payload */

enum record_file_kind { RECORD_JOURNAL = 1, RECORD_CACHE = 2 };

struct record_file {
	int fd;
	enum record_file_kind kind;
	uint64_t nonce;
	sheaf_identity identity;
};

struct record {
	uint64_t first, count; /* of a cache: the two words of its key */
	uint64_t size;         /* of the payload */
	uint64_t used;         /* of a cache: a hint, second of the last use; of a journal 0 */
	uint64_t offset;       /* of the head */
};

/* Tell whether a payload may be so long. */
static inline bool record_fits(uint64_t size)
{
	return size <= RECORD_MOST;
}

/* Bytes of a record with a payload of @size bytes. */
uint64_t record_length(uint64_t size);

/* Make the header of a file, by its kind, nonce and identity. */
void record_make_header(const struct record_file *file, unsigned char bytes[RECORD_HEADER]);

/*
 * Take what a header says. 0; -EBADMSG (damaged, or no such file: the caller says so); -EPROTO (of
 * another version).
 */
int record_take_header(struct record_file *file, const unsigned char bytes[RECORD_HEADER]);

/*
 * Tell whether the @size bytes of a file are what a creation that was killed, or cut off from
 * power, may leave: the beginning of a header, or zeros.
 */
bool record_is_torn_header(const unsigned char *bytes, size_t size);

/* Make head and tail of a record. @tail: padding and checksum, 8 to 15 bytes; returns how many. */
size_t record_make(const struct record_file *file, const struct record *record, const void *payload,
		   unsigned char head[RECORD_HEAD], unsigned char tail[RECORD_TAIL + 7]);

/* Read the payload. 0; -EBADMSG: it is not what was written; -ENODATA; -errno. */
int record_read(const struct record_file *file, const struct record *record, void *payload);

/* Takes a record of the file. Another value than 0 ends the scan. */
typedef int record_fn(void *context, const struct record *record);

struct record_scan {
	uint64_t end;     /* of the last whole record; @from if there is none */
	uint64_t damaged; /* bytes before it that belong to no whole record */
};

/*
 * Visit each whole record from the offset @from on, a place where one may begin, up to @size.
 * @payloads: whether a record counts as whole only if its payload is. 0; what @take returned;
 * -ENOMEM; -errno: the file cannot be read.
 */
int record_each(const struct record_file *file, uint64_t from, uint64_t size, bool payloads, record_fn *take, void *context,
		struct record_scan *scan);

#endif
