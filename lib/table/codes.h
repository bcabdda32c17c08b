/*
 * codes.h - makes the codes of ranges those of the whole table.
 */
#ifndef SHEAF_TABLE_CODES_H
#define SHEAF_TABLE_CODES_H

#include "table/loading.h"

struct codes {
	size_t columns; /* that have codes in this pass */
	int32_t *maps;  /* the table's code of each text of each column of each range */
	size_t used, room;
	size_t *begins; /* of maps: [range * columns + column] */
};

/* Begin a pass. 0; -ENOMEM. */
int codes_begin(struct codes *codes, const struct loading *loading);
void codes_free(struct codes *codes);

/* Take the texts of a range, in order: see struct fill_result. 0; -ENOMEM, -EOVERFLOW. */
int codes_take(struct codes *codes, struct loading *loading, size_t range, const char *texts);

/* Rewrite the codes of a pass. 0; an error of sheaf_alloc() or sheaf_for(). */
int codes_end(struct codes *codes, struct loading *loading);

/* Make the arrays of texts, behind all passes. 0; an error of sheaf_alloc(). */
int codes_finish(struct loading *loading);

#endif
