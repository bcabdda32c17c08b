/*
 * piece.c - reads an input by pread() into a buffer that fits a processor's cache.
 *
 * Nothing is mapped, because a mapped file that somebody shortens meanwhile would raise SIGBUS. A
 * buffer that does not hold a whole row when the reader wants the next piece doubles.
 */
#include "table/piece.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "os/files.h"
#include "os/os.h"

/* A fuzzer makes it smaller, so that all kinds of places are at the end of a piece. */
#ifndef PIECE_ROOM
#define PIECE_ROOM ((size_t)256 * 1024)
#define PIECE_BEYOND ((size_t)8 * 1024) /* read at once behind the goal: some rows */
#endif

bool piece_name(const struct input *input, struct source *source)
{
	int fd;
	bool same;

	if (!input->regular || input->given || !os_file_resolve(input->path, source->path) ||
	    os_file_note(input->fd, &source->id))
		return false;
	fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return false;
	same = os_file_is(fd, &source->id);
	close(fd);
	source->size = input->size;
	return same;
}

static int fail_piece(const struct source *source, int code)
{
	char reason[128];

	if (code == -ENODATA)
		return sheaf_fail(-EBADMSG, "%s: became shorter than %ju bytes while it was read", source->path,
				  (uintmax_t)source->size);
	if (strerror_r(-code, reason, sizeof(reason)) != 0)
		reason[0] = '\0';
	return sheaf_fail(code, "%s: cannot read: %s", source->path, reason);
}

static int open_source(const struct source *source, int *fd)
{
	*fd = os_open(source->path, O_RDONLY);
	if (*fd >= 0)
		*fd = os_raise(*fd);
	if (*fd < 0)
		return fail_piece(source, *fd);
	if (os_file_is(*fd, &source->id))
		return 0;
	close(*fd);
	return sheaf_fail(-EBADMSG, "%s: another file got this name while it was read", source->path);
}

/* Show what the source has in memory, and end it as the contract says. */
static void show_memory(struct piece *piece)
{
	const struct source *source = piece->source;

	piece->text = source->memory + (piece->offset - source->begin);
	piece->size = (size_t)(source->size - piece->offset);
	piece->last = true;
}

/* Fill the buffer behind what it has. */
static int fill_piece(struct piece *piece)
{
	uint64_t at = piece->offset + piece->size, left = piece->source->size - at, wanted = PIECE_BEYOND;
	int r;

	if (piece->goal > at && piece->goal - at > wanted)
		wanted = piece->goal - at;
	if (wanted > left)
		wanted = left;
	if (wanted > piece->room - piece->size)
		wanted = piece->room - piece->size;
	r = os_read_at(piece->fd, at, piece->buffer + piece->size, (size_t)wanted);
	if (r < 0)
		return fail_piece(piece->source, r);
	piece->size += (size_t)wanted;
	piece->last = wanted == left;
	piece->text = piece->buffer;
	memset(piece->buffer + piece->size, '\n', PIECE_PAD);
	return 0;
}

int piece_open(struct piece *piece, const struct source *source, uint64_t offset, uint64_t goal)
{
	int r;

	*piece = (struct piece){.source = source, .offset = offset, .goal = goal, .fd = -1, .room = PIECE_ROOM};
	if (source->memory) {
		show_memory(piece);
		return 0;
	}
	r = open_source(source, &piece->fd);
	if (r < 0)
		return r;
	piece->buffer = malloc(piece->room + PIECE_PAD);
	r = piece->buffer ? fill_piece(piece)
			  : sheaf_fail(-ENOMEM, "%s: no memory for a buffer of %zu bytes", source->path, piece->room);
	if (r < 0)
		piece_close(piece);
	return r;
}

void piece_close(struct piece *piece)
{
	if (piece->fd >= 0)
		close(piece->fd);
	free(piece->buffer);
}

int piece_next(struct piece *piece, size_t used)
{
	size_t kept = piece->size - used;

	memmove(piece->buffer, piece->buffer + used, kept);
	piece->size = kept;
	piece->offset += used;
	if (kept > piece->room / 2) {
		char *buffer = kept < SIZE_MAX / 4 ? realloc(piece->buffer, 2 * piece->room + PIECE_PAD) : NULL;

		if (!buffer)
			return sheaf_fail(-ENOMEM, "%s: no memory for a row of more than %zu bytes", piece->source->path, kept);
		piece->buffer = buffer;
		piece->room *= 2;
	}
	return fill_piece(piece);
}
