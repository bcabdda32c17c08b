/*
 * dlpack.c - arrays as tensors of DLPack, and the other way round.
 */
#include "sheaf_exchange.h"

#include "base/error.h"
#include "data/describe.h"
#include "data/dtype.h"
#include "data/shape.h"

#include <errno.h>
#include <stdlib.h>

static const DLDataType codes[] = {
	[SHEAF_F64] = {kDLFloat, 64, 1},   [SHEAF_F32] = {kDLFloat, 32, 1},     [SHEAF_F16] = {kDLFloat, 16, 1},
	[SHEAF_I64] = {kDLInt, 64, 1},     [SHEAF_I32] = {kDLInt, 32, 1},       [SHEAF_I16] = {kDLInt, 16, 1},
	[SHEAF_I8] = {kDLInt, 8, 1},       [SHEAF_U64] = {kDLUInt, 64, 1},      [SHEAF_U32] = {kDLUInt, 32, 1},
	[SHEAF_U16] = {kDLUInt, 16, 1},    [SHEAF_U8] = {kDLUInt, 8, 1},        [SHEAF_BOOL] = {kDLBool, 8, 1},
	[SHEAF_C64] = {kDLComplex, 64, 1}, [SHEAF_C128] = {kDLComplex, 128, 1},
};
#define CODES (sizeof(codes) / sizeof(codes[0]))

/* A tensor, with the memory of its shape and strides. */
struct managed {
	DLManagedTensorVersioned tensor;
	int64_t shape[SHEAF_MAX_DIMENSIONS], strides[SHEAF_MAX_DIMENSIONS];
};

static void delete_tensor(DLManagedTensorVersioned *tensor)
{
	free(tensor->manager_ctx);
}

int sheaf_array_to_dlpack(const sheaf_array *array, DLManagedTensorVersioned **tensor)
{
	struct managed *managed;
	int r = shape_check("sheaf_array_to_dlpack", "array", array);

	if (r || !tensor)
		return r ? r : sheaf_fail(-EINVAL, "sheaf_array_to_dlpack: tensor is NULL");
	if ((size_t)array->type >= CODES || !codes[array->type].lanes)
		return sheaf_fail(-ENOTSUP, "sheaf_array_to_dlpack: DLPack has no items of %s", describe_type(array->type));
	for (unsigned d = 0; d < array->dimensions; d++)
		if (array->strides[d] % (ptrdiff_t)array->item_size)
			return sheaf_fail(
				-ENOTSUP,
				"sheaf_array_to_dlpack: strides[%u] is %td, no multiple of the item's %zu bytes: copy "
				"the array first",
				d, array->strides[d], array->item_size);
	if (!(managed = calloc(1, sizeof(*managed))))
		return sheaf_fail(-ENOMEM, "sheaf_array_to_dlpack: no memory for a tensor");
	managed->tensor = (DLManagedTensorVersioned){
		.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION}, .manager_ctx = managed, .deleter = delete_tensor};
	managed->tensor.dl_tensor = (DLTensor){.data = array->data,
					       .device = {kDLCPU, 0},
					       .ndim = (int32_t)array->dimensions,
					       .dtype = codes[array->type],
					       .shape = managed->shape,
					       .strides = managed->strides};
	for (unsigned d = 0; d < array->dimensions; d++) {
		managed->shape[d] = (int64_t)array->shape[d];
		managed->strides[d] = array->strides[d] / (ptrdiff_t)array->item_size;
	}
	*tensor = &managed->tensor;
	return 0;
}

/* Find the type. CODES: arrays have it not. */
static size_t type_of_code(DLDataType code)
{
	size_t type = 0;

	while (type < CODES &&
	       !(codes[type].lanes && codes[type].code == code.code && codes[type].bits == code.bits && code.lanes == 1))
		type++;
	return type;
}

int sheaf_array_from_dlpack(sheaf_array *view, const DLManagedTensorVersioned *tensor)
{
	const DLTensor *from = tensor ? &tensor->dl_tensor : NULL;
	sheaf_array made;
	size_t shape[SHEAF_MAX_DIMENSIONS], type, bytes;

	if (!view || !tensor)
		return sheaf_fail(-EINVAL, "sheaf_array_from_dlpack: %s is NULL", view ? "tensor" : "view");
	if (tensor->version.major != DLPACK_MAJOR_VERSION)
		return sheaf_fail(-ENOTSUP, "sheaf_array_from_dlpack: the tensor is of version %u of DLPack, and wanted is %d",
				  (unsigned)tensor->version.major, DLPACK_MAJOR_VERSION);
	if (from->device.device_type != kDLCPU)
		return sheaf_fail(-ENOTSUP, "sheaf_array_from_dlpack: the tensor is on device %d, and not in the CPU's memory",
				  (int)from->device.device_type);
	type = type_of_code(from->dtype);
	if (type == CODES || from->ndim < 0 || from->ndim > (int)SHEAF_MAX_DIMENSIONS)
		return sheaf_fail(-ENOTSUP,
				  "sheaf_array_from_dlpack: the tensor has %d dimensions of items with code %u and %u bits",
				  (int)from->ndim, from->dtype.code, from->dtype.bits);
	made = (sheaf_array){.type = (enum sheaf_number)type, .item_size = dtype_size((enum sheaf_number)type)};
	for (int d = 0; d < from->ndim; d++) {
		if (from->shape[d] < 0)
			return sheaf_fail(-ENOTSUP, "sheaf_array_from_dlpack: shape[%d] is %lld", d, (long long)from->shape[d]);
		shape[d] = (size_t)from->shape[d];
	}
	if (!shape_make(&made, (unsigned)from->ndim, shape, false, &bytes))
		return sheaf_fail(-ENOTSUP, "sheaf_array_from_dlpack: the tensor does not fit in memory");
	for (int d = 0; from->strides && d < from->ndim; d++)
		made.strides[d] = (ptrdiff_t)from->strides[d] * (ptrdiff_t)made.item_size;
	made.data = from->data ? (unsigned char *)from->data + from->byte_offset : NULL;
	*view = made;
	return 0;
}
