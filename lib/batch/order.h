/*
 * order.h - the positions of a batch's submitted tasks: finds duplicates, and the lowest that was
 * not handed out.
 *
 * Private to the opener. Tasks are numbered in the order of their submission (index). As long as
 * positions come in rising order, which they mostly do, a vector is enough. The first one out of
 * order builds a hash table and a heap.
 */
#ifndef SHEAF_BATCH_ORDER_H
#define SHEAF_BATCH_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEW_TASKS 8 /* so many need no malloc() */

struct order {
	uint64_t count;
	uint64_t *positions; /* by index */
	bool *handed;        /* by index: handed out already */
	size_t capacity;
	bool mixed;        /* positions came out of order */
	uint64_t next;     /* not mixed: the lowest index that may not be handed out */
	uint64_t *table;   /* mixed: index + 1 by hash of the position; 0 empty */
	size_t table_size; /* a power of two, at least twice the count */
	uint64_t *heap;    /* mixed: indices, the lowest position first */
	size_t heap_count;
	size_t heap_capacity;
	uint64_t few_positions[FEW_TASKS]; /* where the vectors are at first */
	bool few_handed[FEW_TASKS];
};

/* Private: for the calls below, if positions do not rise, or there is no room for one more. */
int order_reserve_mixed(struct order *order, uint64_t position);
void order_add_mixed(struct order *order);

/*
 * Make room for one more task with this position: 0, -EEXIST, -ENOMEM. After 0, order_add() cannot
 * fail.
 */
static inline int order_reserve(struct order *order, uint64_t position)
{
	bool rises = !order->mixed && order->count < order->capacity &&
		     (!order->count || position > order->positions[order->count - 1]);

	return rises ? 0 : order_reserve_mixed(order, position);
}

static inline void order_add(struct order *order, uint64_t position)
{
	order->positions[order->count] = position;
	order->handed[order->count] = false;
	if (order->mixed)
		order_add_mixed(order);
	order->count++;
}

/* Find the task with this position. False: there is none. */
bool order_find(const struct order *order, uint64_t position, uint64_t *index);

/* Take the task back that was added last. */
void order_drop_last(struct order *order);

/* Private: for order_lowest(), once positions have come out of order. */
bool order_lowest_mixed(struct order *order, uint64_t *index);

/*
 * Find the lowest position that was not handed out. False: there is none. Hand it out with
 * order_hand().
 */
static inline bool order_lowest(struct order *order, uint64_t *index)
{
	if (order->mixed)
		return order_lowest_mixed(order, index);
	while (order->next < order->count && order->handed[order->next])
		order->next++;
	*index = order->next;
	return order->next < order->count;
}

static inline void order_hand(struct order *order, uint64_t index)
{
	order->handed[index] = true;
}

/*
 * List all indices by position, in an array of count that the caller frees. NULL: they are 0, 1, 2
 * and so on. 0; -ENOMEM.
 */
int order_sorted(const struct order *order, uint64_t **indices);

void order_free(struct order *order);

#endif
