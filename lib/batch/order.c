/*
 * order.c - a vector while positions rise; beside it a hash table (linear probing) and a binary
 * heap once they do not.
 *
 * Hash: the finalizer of MurmurHash3 (Appleby, public domain), a bijection of 64 bits. Heap:
 * Williams, "Algorithm 232", 1964.
 */
#include "batch/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

static uint64_t hash(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* Find a position's place in the table: that of its index, or the empty one where it belongs. */
static uint64_t *place(const struct order *order, uint64_t position)
{
	size_t at = hash(position) & (order->table_size - 1);

	while (order->table[at] && order->positions[order->table[at] - 1] != position)
		at = (at + 1) & (order->table_size - 1);
	return &order->table[at];
}

static int grow_table(struct order *order, size_t size)
{
	uint64_t *table = calloc(size, sizeof(*table));

	if (!table)
		return -ENOMEM;
	free(order->table);
	order->table = table;
	order->table_size = size;
	for (uint64_t i = 0; i < order->count; i++)
		*place(order, order->positions[i]) = i + 1;
	return 0;
}

static bool below(const struct order *order, uint64_t a, uint64_t b)
{
	return order->positions[a] < order->positions[b];
}

static void heap_push(struct order *order, uint64_t index)
{
	size_t at = order->heap_count++;

	for (; at && below(order, index, order->heap[(at - 1) / 2]); at = (at - 1) / 2)
		order->heap[at] = order->heap[(at - 1) / 2];
	order->heap[at] = index;
}

static void heap_pop(struct order *order)
{
	uint64_t last = order->heap[--order->heap_count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < order->heap_count) {
		if (child + 1 < order->heap_count && below(order, order->heap[child + 1], order->heap[child]))
			child++;
		if (!below(order, order->heap[child], last))
			break;
		order->heap[at] = order->heap[child];
		at = child;
	}
	if (order->heap_count)
		order->heap[at] = last;
}

static int grow_heap(struct order *order, size_t need)
{
	size_t capacity = order->heap_capacity ? order->heap_capacity : FIRST_CAPACITY;
	uint64_t *heap;

	while (capacity < need)
		capacity *= 2;
	heap = realloc(order->heap, capacity * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	order->heap = heap;
	order->heap_capacity = capacity;
	return 0;
}

/* Build table and heap, for the first position that is not above all before it. */
static int mix(struct order *order)
{
	size_t size = (size_t)2 * FIRST_CAPACITY;
	int r;

	while (size < 4 * (order->count + 1))
		size *= 2;
	if ((r = grow_heap(order, (size_t)(order->count - order->next) + 1)) || (r = grow_table(order, size)))
		return r;
	/* Rising positions are a heap as they stand. */
	for (uint64_t i = order->next; i < order->count; i++)
		if (!order->handed[i])
			order->heap[order->heap_count++] = i;
	order->mixed = true;
	return 0;
}

static void use_few(struct order *order)
{
	order->positions = order->few_positions;
	order->handed = order->few_handed;
	order->capacity = FEW_TASKS;
}

/* Leave the vectors of the first few tasks for larger ones. */
static int leave_few(struct order *order)
{
	uint64_t *positions = malloc(FIRST_CAPACITY * sizeof(*positions));
	bool *handed = positions ? malloc(FIRST_CAPACITY * sizeof(*handed)) : NULL;

	if (!handed) {
		free(positions);
		return -ENOMEM;
	}
	memcpy(positions, order->few_positions, sizeof(order->few_positions));
	memcpy(handed, order->few_handed, sizeof(order->few_handed));
	order->positions = positions;
	order->handed = handed;
	order->capacity = FIRST_CAPACITY;
	return 0;
}

static int grow_vectors(struct order *order)
{
	size_t capacity = 2 * order->capacity;
	uint64_t *positions;
	bool *handed;

	if (order->positions == order->few_positions)
		return leave_few(order);
	positions = realloc(order->positions, capacity * sizeof(*positions));
	if (!positions)
		return -ENOMEM;
	order->positions = positions;
	handed = realloc(order->handed, capacity * sizeof(*handed));
	if (!handed)
		return -ENOMEM;
	order->handed = handed;
	order->capacity = capacity;
	return 0;
}

__attribute__((noinline)) int order_reserve_mixed(struct order *order, uint64_t position)
{
	int r;

	if (!order->capacity)
		use_few(order);
	else if (order->count == order->capacity && (r = grow_vectors(order)))
		return r;
	if (!order->mixed) {
		if (!order->count || position > order->positions[order->count - 1])
			return 0;
		if (position == order->positions[order->count - 1])
			return -EEXIST;
		if ((r = mix(order)))
			return r;
	}
	if (*place(order, position))
		return -EEXIST;
	if (2 * (order->count + 1) > order->table_size && (r = grow_table(order, 2 * order->table_size)))
		return r;
	return order->heap_count == order->heap_capacity ? grow_heap(order, order->heap_count + 1) : 0;
}

__attribute__((noinline)) void order_add_mixed(struct order *order)
{
	*place(order, order->positions[order->count]) = order->count + 1;
	heap_push(order, order->count);
}

bool order_find(const struct order *order, uint64_t position, uint64_t *index)
{
	uint64_t low = 0, high = order->count;

	if (order->mixed) {
		*index = *place(order, position) - 1;
		return *index != UINT64_MAX;
	}
	while (high - low > 1) {
		uint64_t middle = (low + high) / 2;

		if (order->positions[middle] <= position)
			low = middle;
		else
			high = middle;
	}
	*index = low;
	return order->count && order->positions[low] == position;
}

void order_drop_last(struct order *order)
{
	size_t kept = 0;

	order->count--;
	if (!order->mixed)
		return;
	/* Rare, at the end of a pool: rebuild rather than repair. */
	memset(order->table, 0, order->table_size * sizeof(*order->table));
	for (uint64_t i = 0; i < order->count; i++)
		*place(order, order->positions[i]) = i + 1;
	for (size_t i = 0; i < order->heap_count; i++)
		if (order->heap[i] != order->count)
			order->heap[kept++] = order->heap[i];
	order->heap_count = 0;
	while (order->heap_count < kept)
		heap_push(order, order->heap[order->heap_count]);
}

__attribute__((noinline)) bool order_lowest_mixed(struct order *order, uint64_t *index)
{
	while (order->heap_count && order->handed[order->heap[0]])
		heap_pop(order);
	if (!order->heap_count)
		return false;
	*index = order->heap[0];
	return true;
}

struct key {
	uint64_t position;
	uint64_t index;
};

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = ((const struct key *)a)->position, y = ((const struct key *)b)->position;

	return x < y ? -1 : x > y;
}

int order_sorted(const struct order *order, uint64_t **indices)
{
	size_t n = (size_t)order->count;
	struct key *keys;

	*indices = NULL;
	if (!order->mixed)
		return 0;
	*indices = malloc((n ? n : 1) * sizeof(**indices));
	keys = malloc((n ? n : 1) * sizeof(*keys));
	if (!*indices || !keys) {
		free(*indices);
		free(keys);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct key){.position = order->positions[i], .index = i};
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < n; i++)
		(*indices)[i] = keys[i].index;
	free(keys);
	return 0;
}

void order_free(struct order *order)
{
	if (order->positions != order->few_positions) {
		free(order->positions);
		free(order->handed);
	}
	if (order->heap) { /* the first of the two that is made */
		free(order->table);
		free(order->heap);
	}
	memset(order, 0, sizeof(*order));
}
