/*
 * sheaf_exchange.h - give arrays to other libraries of the same process, and take theirs, without
 * copying an item: by DLPack, and by the Arrow C data interface.
 *
 * Contents
 *   DLPack    sheaf_array_to_dlpack, sheaf_array_from_dlpack
 *   Arrow     sheaf_array_to_arrow, sheaf_array_from_arrow
 *
 * Sources   DLPack 1.1, dlpack.h. Apache Arrow, "The Arrow C data interface". Their structures are
 *           declared here as they ask, under their own guards, so both headers may be there.
 *
 * Callers   Any thread, also without a pool. Only within one process: pointers go across.
 *
 * Returns   As in sheaf.h: 0, or -errno, and sheaf_message() says what went wrong.
 */
#ifndef SHEAF_EXCHANGE_H
#define SHEAF_EXCHANGE_H

#include "sheaf_data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- DLPack ---- */

#ifndef DLPACK_MAJOR_VERSION
#define DLPACK_MAJOR_VERSION 1
#define DLPACK_MINOR_VERSION 1
#define DLPACK_FLAG_BITMASK_READ_ONLY (1UL << 0UL)
#define DLPACK_FLAG_BITMASK_IS_COPIED (1UL << 1UL)

typedef struct {
	uint32_t major;
	uint32_t minor;
} DLPackVersion;

typedef enum { kDLCPU = 1 } DLDeviceType;

typedef struct {
	DLDeviceType device_type;
	int32_t device_id;
} DLDevice;

typedef enum { kDLInt = 0U, kDLUInt = 1U, kDLFloat = 2U, kDLComplex = 5U, kDLBool = 6U } DLDataTypeCode;

typedef struct {
	uint8_t code;
	uint8_t bits;
	uint16_t lanes;
} DLDataType;

typedef struct {
	void *data;
	DLDevice device;
	int32_t ndim;
	DLDataType dtype;
	int64_t *shape;
	int64_t *strides; /* in items; NULL: C order */
	uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensorVersioned {
	DLPackVersion version;
	void *manager_ctx;
	void (*deleter)(struct DLManagedTensorVersioned *self);
	uint64_t flags;
	DLTensor dl_tensor;
} DLManagedTensorVersioned;
#endif

/**
 * sheaf_array_to_dlpack() - show an array to a library that takes DLPack
 * @tensor: out: the library that gets it calls its deleter, which frees the tensor, and no item:
 *          the array has to live that long
 *
 * Return: 0; -EINVAL (NULL, or not an array); -ENOTSUP (SHEAF_BYTES, SHEAF_VOID, or strides that
 *         are no multiples of the item); -ENOMEM.
 */
SHEAF_API int sheaf_array_to_dlpack(const sheaf_array *array, DLManagedTensorVersioned **tensor);

/**
 * sheaf_array_from_dlpack() - see another library's tensor as an array
 * @view: out: without memory of its own; valid until the caller calls the tensor's deleter
 *
 * Return: 0; -EINVAL (NULL); -ENOTSUP (another major version, a device that is not the CPU, or
 *         types and shapes that arrays have not).
 */
SHEAF_API int sheaf_array_from_dlpack(sheaf_array *view, const DLManagedTensorVersioned *tensor);

/* ---- Arrow ---- */

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
	const char *format;
	const char *name;
	const char *metadata;
	int64_t flags;
	int64_t n_children;
	struct ArrowSchema **children;
	struct ArrowSchema *dictionary;
	void (*release)(struct ArrowSchema *);
	void *private_data;
};

struct ArrowArray {
	int64_t length;
	int64_t null_count;
	int64_t offset;
	int64_t n_buffers;
	int64_t n_children;
	const void **buffers;
	struct ArrowArray **children;
	struct ArrowArray *dictionary;
	void (*release)(struct ArrowArray *);
	void *private_data;
};
#endif

/**
 * sheaf_array_to_arrow() - show an array of one dimension, in one piece, as an Arrow array
 * @schema, @column: out: their release() frees what belongs to them, and no item: the array has to
 *          live that long
 * @name:   of the column, copied; or NULL
 *
 * Return: 0; -EINVAL (NULL, or not an array); -ENOTSUP (other numbers of dimensions, strides, or
 *         types: booleans are bits there, so copy them to SHEAF_U8; complex numbers; SHEAF_VOID is
 *         given as bytes); -ENOMEM.
 */
SHEAF_API int sheaf_array_to_arrow(const sheaf_array *array, const char *name, struct ArrowSchema *schema,
				   struct ArrowArray *column);

/**
 * sheaf_array_from_arrow() - see another library's column as an array of one dimension
 * @view: out: without memory of its own; valid until the caller releases @column
 *
 * Return: 0; -EINVAL (NULL, or released); -ENOTSUP (missing values; a type that is not a number of
 *         whole bytes, or bytes of a fixed width).
 */
SHEAF_API int sheaf_array_from_arrow(sheaf_array *view, const struct ArrowSchema *schema, const struct ArrowArray *column);

#ifdef __cplusplus
}
#endif

#endif
