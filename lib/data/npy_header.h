/*
 * npy_header.h - the header of an .npy file: a Python dictionary literal.
 */
#ifndef SHEAF_DATA_NPY_HEADER_H
#define SHEAF_DATA_NPY_HEADER_H

#include "data/dtype.h"

struct npy_fields {
	sheaf_field *fields; /* room for so many */
	size_t room;
	size_t count; /* found, which may be more */
};

struct npy_header {
	const char *path; /* for messages */
	bool latin;       /* its bytes are Latin-1, as before version 3.0; else UTF-8 */
	const char *at;   /* what comes next for the parser */
	struct dtype dtype;
	char text[DTYPE_TEXT]; /* of the dtype; "" of a structured one */
	bool known;            /* the dtype, or that of each field, is one that arrays have */
	bool fortran_order;
	bool too_large; /* a length, or a record, does not fit */
	unsigned dimensions;
	size_t shape[SHEAF_MAX_DIMENSIONS];
	struct npy_fields fields;
};

/*
 * Read the dictionary at header->at; path, latin and fields are filled in before. Dimensions beyond
 * the most are counted. 0; -EBADMSG with its message.
 */
int npy_header_read(struct npy_header *header);

#endif
