/*
 * mapping.h - a mapped file, as the owner tells the other processes of it.
 *
 * A part of layout.h, which says how the bytes of a segment are written.
 */
#ifndef SHEAF_SEGMENT_MAPPING_H
#define SHEAF_SEGMENT_MAPPING_H

#include <assert.h>
#include <stdint.h>

enum mapping_access {
	MAPPING_READ = 0,
	MAPPING_SHARED = 1,  /* what is written goes into the file, and every process sees it */
	MAPPING_PRIVATE = 2, /* what is written only the process that wrote it sees */
};

enum mapping_flags {
	MAPPING_NAMED = 1, /* the text is a name of shared memory, else an absolute path */
	MAPPING_MADE = 2,  /* the file is being made: for the owner alone */
};

struct shared_mapping {
	uint64_t serial; /* higher than that of all before */
	uint64_t offset; /* in the segment, a multiple of UNIT */
	uint64_t size;   /* bytes */
	uint64_t from;   /* in the file, a multiple of the page size */
	uint64_t device; /* of the file, with the next word */
	uint64_t inode;
	int32_t fd;     /* that the owner has of it */
	uint8_t access; /* enum mapping_access */
	uint8_t flags;  /* enum mapping_flags */
	uint16_t path_size;
	uint64_t path_at; /* in the texts */
};

/* The head of a table. Behind it are `count` entries by their serials, and `text_size` bytes. */
struct shared_mappings {
	uint64_t count;
	uint64_t text_size;
};

static_assert(sizeof(struct shared_mapping) == 64, "a table has as many words as it says");

#endif
