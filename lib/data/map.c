/*
 * map.c - cuts arrays into blocks, and calls a kernel for each by a loop over their numbers.
 *
 * Deaths            Of a worker: its block is computed again.
 */
#include "data/describe.h"
#include "data/reach.h"
#include "data/shape.h"
#include "data/tasks.h"

#include "base/error.h"
#include "base/number.h"
#include "pool/named.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the loop needs to know. A copy of it goes along, with the kernel's context behind it. */
struct mapping {
	uint64_t fn; /* the kernel: see pool/named.h */
	sheaf_array in, out;
	sheaf_blocks how;
	unsigned dimensions;
	size_t shape[SHEAF_MAX_DIMENSIONS];
	size_t blocks[SHEAF_MAX_DIMENSIONS]; /* along each dimension */
};

/* Show a part of an array along one dimension. */
static void narrow(sheaf_array *view, unsigned d, size_t first, size_t count)
{
	view->data = (unsigned char *)view->data + (ptrdiff_t)first * view->strides[d];
	view->shape[d] = count;
}

static void describe_block(const struct mapping *mapping, size_t number, sheaf_block *block)
{
	*block = (sheaf_block){.in = mapping->in, .out = mapping->out};
	for (unsigned d = mapping->dimensions; d-- > 0; number /= mapping->blocks[d]) {
		size_t length = mapping->how.shape[d], halo = mapping->how.halo[d], all = mapping->shape[d];
		size_t begin = number % mapping->blocks[d] * length, left = all - begin, before, behind;

		block->begin[d] = begin;
		block->shape[d] = length = left < length ? left : length;
		before = begin < halo ? begin : halo;
		behind = left - length < halo ? left - length : halo;
		block->inner[d] = mapping->in.data ? before : 0;
		if (mapping->in.data)
			narrow(&block->in, d, begin - before, before + length + behind);
		if (mapping->out.data)
			narrow(&block->out, d, begin, length);
	}
}

static int map_blocks(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct mapping *mapping = context;
	sheaf_block_fn *fn = (sheaf_block_fn *)task_named_function(task, mapping->fn);
	void *own = mapping->how.context_size ? mapping + 1 : mapping->how.context;
	sheaf_block block;
	int r = 0;

	for (size_t number = begin; number < end && !r; number++) {
		describe_block(mapping, number, &block);
		r = fn(task, &block, own);
	}
	return r;
}

const struct own_function own_map[] = {
	OWN(map_blocks),
	OWN_END,
};

/* Complete the lengths of blocks, and count them. */
static int cut_blocks(struct mapping *mapping, size_t *count)
{
	bool rows = true;

	*count = 1;
	for (unsigned d = 0; d < mapping->dimensions; d++)
		rows &= !mapping->how.shape[d];
	for (unsigned d = 0; d < mapping->dimensions; d++) {
		size_t *length = &mapping->how.shape[d], all = mapping->shape[d];

		if (!*length || *length > all)
			*length = rows && d == 0 ? 1 : all;
		mapping->blocks[d] = all ? all / *length + (all % *length != 0) : 0;
		if (!checked_multiply(*count, mapping->blocks[d], count))
			return sheaf_fail(-EINVAL, "sheaf_map_array: there are more blocks than fit a size_t");
	}
	return 0;
}

static int check_pair(const sheaf_pool *pool, const sheaf_array *in, const sheaf_array *out)
{
	int r;

	if ((in && (r = shape_check("sheaf_map_array", "in", in))) || (out && (r = shape_check("sheaf_map_array", "out", out))))
		return r;
	if (in && out &&
	    (in->dimensions != out->dimensions || memcmp(in->shape, out->shape, in->dimensions * sizeof(in->shape[0])) != 0))
		return describe_fail("sheaf_map_array", "in and out have not the same shape", in, out);
	if ((in && (r = reach_check(pool, "sheaf_map_array", "in", in))) ||
	    (out && (r = reach_check(pool, "sheaf_map_array", "out", out))))
		return r;
	return 0;
}

/* NULL: no memory. */
static struct mapping *make_mapping(const sheaf_array *in, const sheaf_array *out, const sheaf_blocks *how)
{
	const sheaf_array *whole = out ? out : in;
	size_t context_size = how ? how->context_size : 0;
	struct mapping *mapping = context_size < SIZE_MAX - sizeof(*mapping) ? malloc(sizeof(*mapping) + context_size) : NULL;

	if (!mapping)
		return NULL;
	*mapping = (struct mapping){.dimensions = whole->dimensions};
	if (in)
		mapping->in = *in;
	if (out)
		mapping->out = *out;
	if (how)
		mapping->how = *how;
	memcpy(mapping->shape, whole->shape, sizeof(mapping->shape));
	if (context_size)
		memcpy(mapping + 1, how->context, context_size);
	return mapping;
}

int sheaf_map_array(sheaf_pool *pool, sheaf_block_fn *fn, const sheaf_array *in, const sheaf_array *out,
		    const sheaf_blocks *how, const sheaf_map_options *options)
{
	sheaf_map_options with = options ? *options : (sheaf_map_options){0};
	struct mapping *mapping;
	size_t count;
	int r;

	if (!pool || !fn || (!in && !out))
		return sheaf_fail(-EINVAL, "sheaf_map_array: %s NULL", !pool ? "pool is" : !fn ? "fn is" : "in and out are");
	if ((r = reach_check_options("sheaf_map_array", options)) || (r = check_pair(pool, in, out)) ||
	    (how && (r = reach_check_context(pool, "sheaf_map_array", "how->", how->context, how->context_size))))
		return r;
	if (!(mapping = make_mapping(in, out, how)))
		return sheaf_fail(-ENOMEM, "sheaf_map_array: no memory for the context");
	r = pool_name_function(pool, "sheaf_map_array", (any_fn *)fn, &mapping->fn);
	if (!r && !(r = cut_blocks(mapping, &count)) && count) {
		with.context_size = sizeof(*mapping) + mapping->how.context_size;
		r = sheaf_for(pool, map_blocks, mapping, count, &with);
	}
	free(mapping);
	return r;
}
