/*
 * record.c - makes, checks and finds records.
 *
 * Each checksum is a SipHash with a key of the file's nonce and the record's offset. So what an
 * older file, another one, or another place of this one has left on the disk proves nothing here.
 * Behind damage the next record is searched at each multiple of 8 bytes, where all of them begin.
 */
#include "resume/record.h"

#include "base/little.h"
#include "resume/hash.h"
#include "os/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define NONCE_AT 16
#define IDENTITY_AT 24
#define CHECKSUM_AT 48
#define TEXT_AT 56
#define BUFFER ((size_t)64 * 1024)

static const unsigned char magic[8] = {0x89, 'S', 'H', 'F', '\r', '\n', 0x1a, '\n'};
static const uint64_t header_key[2];

uint64_t record_length(uint64_t size)
{
	return RECORD_HEAD + (size + 7) / 8 * 8 + RECORD_TAIL;
}

/* ---- The header ---- */

static uint64_t header_checksum(const unsigned char bytes[RECORD_HEADER])
{
	unsigned char copy[RECORD_HEADER];

	memcpy(copy, bytes, RECORD_HEADER);
	memset(copy + CHECKSUM_AT, 0, 8);
	return hash_of(header_key, copy, RECORD_HEADER);
}

void record_make_header(const struct record_file *file, unsigned char bytes[RECORD_HEADER])
{
	memset(bytes, 0, RECORD_HEADER);
	memcpy(bytes, magic, sizeof(magic));
	little_store(bytes + 8, 4, VERSION);
	little_store(bytes + 12, 4, file->kind);
	little_store(bytes + NONCE_AT, 8, file->nonce);
	little_store(bytes + IDENTITY_AT, 8, file->identity.hash[0]);
	little_store(bytes + IDENTITY_AT + 8, 8, file->identity.hash[1]);
	memcpy(bytes + TEXT_AT, file->identity.text, strnlen(file->identity.text, SHEAF_IDENTITY_TEXT - 1));
	little_store(bytes + CHECKSUM_AT, 8, header_checksum(bytes));
}

int record_take_header(struct record_file *file, const unsigned char bytes[RECORD_HEADER])
{
	if (memcmp(bytes, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (header_checksum(bytes) != little_load(bytes + CHECKSUM_AT, 8))
		return -EBADMSG;
	if (little_load(bytes + 8, 4) != VERSION)
		return -EPROTO;
	if (little_load(bytes + 12, 4) != file->kind || bytes[RECORD_HEADER - 1])
		return -EBADMSG;
	file->nonce = little_load(bytes + NONCE_AT, 8);
	file->identity.hash[0] = little_load(bytes + IDENTITY_AT, 8);
	file->identity.hash[1] = little_load(bytes + IDENTITY_AT + 8, 8);
	memcpy(file->identity.text, bytes + TEXT_AT, SHEAF_IDENTITY_TEXT);
	return 0;
}

bool record_is_torn_header(const unsigned char *bytes, size_t size)
{
	size_t known = size < sizeof(magic) ? size : sizeof(magic), zeros = 0;

	if (size < RECORD_HEADER && memcmp(bytes, magic, known) == 0)
		return true;
	while (zeros < size && !bytes[zeros])
		zeros++;
	return size <= RECORD_HEADER && zeros == size;
}

/* ---- One record ---- */

/* @part: 0 of the head, 1 of the payload. No offset of a file has the highest bit. */
static void key_of(const struct record_file *file, uint64_t offset, unsigned part, uint64_t key[2])
{
	key[0] = file->nonce;
	key[1] = offset | (uint64_t)part << 63;
}

static uint64_t head_checksum(const struct record_file *file, uint64_t offset, const unsigned char head[RECORD_HEAD])
{
	uint64_t key[2];

	key_of(file, offset, 0, key);
	return hash_of(key, head, 24);
}

size_t record_make(const struct record_file *file, const struct record *record, const void *payload,
		   unsigned char head[RECORD_HEAD], unsigned char tail[RECORD_TAIL + 7])
{
	size_t padding = (size_t)(-record->size & 7);
	struct hash hash;
	uint64_t key[2], checksum;

	little_store(head, 8, record->first);
	little_store(head + 8, 8, record->count);
	little_store(head + 16, 8, record->size);
	little_store(head + 24, 8, record->used);
	little_store(head + 32, 8, head_checksum(file, record->offset, head));
	memset(tail, 0, padding);
	key_of(file, record->offset, 1, key);
	hash_begin(&hash, key, false);
	hash_add(&hash, payload, record->size);
	hash_add(&hash, tail, padding);
	hash_end(&hash, &checksum);
	little_store(tail + padding, 8, checksum);
	return padding + RECORD_TAIL;
}

int record_read(const struct record_file *file, const struct record *record, void *payload)
{
	unsigned char tail[RECORD_TAIL + 7];
	size_t padding = (size_t)(-record->size & 7);
	uint64_t at = record->offset + RECORD_HEAD, key[2], checksum;
	struct hash hash;
	int r;

	if ((r = os_read_at(file->fd, at, payload, record->size)) ||
	    (r = os_read_at(file->fd, at + record->size, tail, padding + RECORD_TAIL)))
		return r;
	key_of(file, record->offset, 1, key);
	hash_begin(&hash, key, false);
	hash_add(&hash, payload, record->size);
	hash_add(&hash, tail, padding);
	hash_end(&hash, &checksum);
	return checksum == little_load(tail + padding, 8) ? 0 : -EBADMSG;
}

/* ---- All records ---- */

/* A window of the file. */
struct view {
	const struct record_file *file;
	unsigned char *bytes; /* BUFFER */
	uint64_t start, size; /* of the file: what is in the window; how much there is */
	size_t filled;
};

/* Have @length bytes from @at on in the window; *@bytes is where. @at + @length is in the file. */
static int view_have(struct view *view, uint64_t at, size_t length, const unsigned char **bytes)
{
	if (at < view->start || at + length > view->start + view->filled) {
		uint64_t left = view->size - at;
		size_t wanted = left < BUFFER ? (size_t)left : BUFFER;
		int r = os_read_at(view->file->fd, at, view->bytes, wanted);

		view->start = at;
		view->filled = r ? 0 : wanted;
		if (r)
			return r;
	}
	*bytes = view->bytes + (at - view->start);
	return 0;
}

/* Check the payload, with its padding, piece by piece. 1; 0: it is damaged; -errno. */
static int payload_is_whole(struct view *view, const struct record *record)
{
	uint64_t at = record->offset + RECORD_HEAD, end = record->offset + record_length(record->size) - RECORD_TAIL;
	const unsigned char *bytes;
	struct hash hash;
	uint64_t key[2], checksum;
	int r;

	key_of(view->file, record->offset, 1, key);
	hash_begin(&hash, key, false);
	while (at < end) {
		size_t piece = end - at < BUFFER / 2 ? (size_t)(end - at) : BUFFER / 2;

		if ((r = view_have(view, at, piece, &bytes)))
			return r;
		hash_add(&hash, bytes, piece);
		at += piece;
	}
	hash_end(&hash, &checksum);
	if ((r = view_have(view, end, RECORD_TAIL, &bytes)))
		return r;
	return checksum == little_load(bytes, 8);
}

/* Tell whether there is a whole record at this offset. 1 with *@record; 0; -errno. */
static int whole_record(struct view *view, uint64_t at, bool payloads, struct record *record)
{
	const unsigned char *head;
	int r;

	if ((r = view_have(view, at, RECORD_HEAD, &head)))
		return r;
	if (head_checksum(view->file, at, head) != little_load(head + 32, 8))
		return 0;
	*record = (struct record){.first = little_load(head, 8),
				  .count = little_load(head + 8, 8),
				  .size = little_load(head + 16, 8),
				  .used = little_load(head + 24, 8),
				  .offset = at};
	if (record->size > RECORD_MOST || record_length(record->size) > view->size - at)
		return 0;
	if (view->file->kind == RECORD_JOURNAL && record->used)
		return 0;
	return payloads ? payload_is_whole(view, record) : 1;
}

int record_each(const struct record_file *file, uint64_t from, uint64_t size, bool payloads, record_fn *take, void *context,
		struct record_scan *scan)
{
	struct view view = {.file = file, .bytes = malloc(BUFFER), .size = size};
	struct record record;
	uint64_t at = from;
	int r = view.bytes ? 0 : -ENOMEM;

	*scan = (struct record_scan){.end = from};
	while (!r && at < size && size - at >= RECORD_HEAD + RECORD_TAIL) {
		r = whole_record(&view, at, payloads, &record);
		/* It has become shorter meanwhile. */
		if (r == -ENODATA) {
			r = 0;
			break;
		}
		if (r < 0)
			break;
		if (!r) {
			at += 8;
			continue;
		}
		r = take(context, &record);
		scan->damaged += at - scan->end;
		at += record_length(record.size);
		scan->end = at;
	}
	free(view.bytes);
	return r;
}
