/*
 * queue.c - a ring of items behind a door.
 *
 * Writers           The thread inside of the door.
 * Deaths            Of a thread that puts: the item is there from the store of `tail` on, and not
 *                   before. Of one that gets: it is gone from the store of `head` on. See gate.h
 *                   for a death behind either.
 */
#include "sheaf_sync.h"

#include "base/number.h"
#include "sync/door.h"
#include "sync/gate.h"
#include "sync/object.h"

#include <string.h>

struct sheaf_queue {
	uint32_t kind;
	_Atomic uint32_t closed;
	size_t capacity, item_size;
	pthread_mutex_t door;
	struct gate items, room;     /* who gets waits at the one, who puts at the other */
	_Atomic uint64_t head, tail; /* items that were taken, and put */
	alignas(OBJECT_LINE) unsigned char ring[];
};

int sheaf_queue_create(sheaf_pool *pool, size_t capacity, size_t item_size, sheaf_queue **queue)
{
	sheaf_queue *q;
	void *memory;
	size_t bytes;
	int r;

	if (!queue || !capacity || !item_size)
		return sheaf_fail(-EINVAL, "%s: %s, %zu items of %zu bytes; both have to be above 0", __func__,
				  queue ? "the place is there" : "the place is NULL", capacity, item_size);
	if (!checked_multiply(capacity, item_size, &bytes) || bytes > SIZE_MAX - sizeof(*q))
		return sheaf_fail(-EOVERFLOW, "%s: %zu items of %zu bytes do not fit the address space", __func__, capacity,
				  item_size);
	if ((r = sheaf_alloc(pool, sizeof(*q) + bytes, &memory)))
		return r;
	q = memory;
	q->capacity = capacity;
	q->item_size = item_size;
	if ((r = os_robust_init(&q->door))) {
		sheaf_free(pool, memory);
		return sheaf_fail(r, "%s: errno %d", __func__, -r);
	}
	q->kind = OBJECT_QUEUE;
	*queue = q;
	return 0;
}

static unsigned char *place_of(sheaf_queue *q, uint64_t number)
{
	return q->ring + number % q->capacity * q->item_size;
}

/* Put without waiting for room. -EAGAIN: there is none. */
static int put_inside(sheaf_queue *q, const void *item)
{
	/* Relaxed, all of them: the door orders what is written inside, and sheaf_queue_close(). */
	uint64_t tail = load_relaxed(&q->tail);

	if (load_relaxed(&q->closed))
		return -EPIPE;
	if (tail - load_relaxed(&q->head) == q->capacity)
		return -EAGAIN;
	memcpy(place_of(q, tail), item, q->item_size);
	/* Behind the item, even for a compiler: a thread that dies here has put it, or has not. */
	store_release(&q->tail, tail + 1);
	return 0;
}

int sheaf_queue_put(sheaf_queue *queue, const void *item, uint64_t deadline_ns)
{
	if (!object_is(queue, OBJECT_QUEUE))
		return object_refuse(__func__, queue);
	if (!item)
		return sheaf_fail(-EINVAL, "%s: the item is NULL", __func__);
	for (;;) {
		uint32_t seen = gate_look(&queue->room);
		int r = door_enter(&queue->door, deadline_ns);

		if (r)
			return r;
		r = put_inside(queue, item);
		door_leave(&queue->door);
		if (!r)
			gate_tell(&queue->items);
		if (r == -EPIPE)
			return sheaf_fail(r, "%s: the queue is closed", __func__);
		if (r != -EAGAIN || (r = gate_wait(&queue->room, seen, deadline_ns)))
			return r;
	}
}

/* Get without waiting for an item. 1, 0; -EAGAIN: there is none yet. */
static int get_inside(sheaf_queue *q, void *item)
{
	/* Relaxed, as above. */
	uint64_t head = load_relaxed(&q->head);

	if (head == load_relaxed(&q->tail))
		return load_relaxed(&q->closed) ? 0 : -EAGAIN;
	memcpy(item, place_of(q, head), q->item_size);
	store_relaxed(&q->head, head + 1);
	return 1;
}

int sheaf_queue_get(sheaf_queue *queue, void *item, uint64_t deadline_ns)
{
	if (!object_is(queue, OBJECT_QUEUE))
		return object_refuse(__func__, queue);
	if (!item)
		return sheaf_fail(-EINVAL, "%s: the place for the item is NULL", __func__);
	for (;;) {
		uint32_t seen = gate_look(&queue->items);
		int r = door_enter(&queue->door, deadline_ns);

		if (r)
			return r;
		r = get_inside(queue, item);
		door_leave(&queue->door);
		if (r == 1)
			gate_tell(&queue->room);
		if (r != -EAGAIN || (r = gate_wait(&queue->items, seen, deadline_ns)))
			return r;
	}
}

int sheaf_queue_close(sheaf_queue *queue)
{
	int r;

	if (!object_is(queue, OBJECT_QUEUE))
		return object_refuse(__func__, queue);
	if ((r = door_enter(&queue->door, SHEAF_FOREVER)))
		return r;
	store_relaxed(&queue->closed, 1);
	door_leave(&queue->door);
	gate_tell(&queue->items);
	gate_tell(&queue->room);
	return 0;
}

int64_t sheaf_queue_length(const sheaf_queue *queue)
{
	uint64_t head, tail;

	if (!object_is(queue, OBJECT_QUEUE))
		return object_refuse(__func__, queue);
	/* Relaxed: old as soon as they are known. One may be older than the other. */
	head = load_relaxed(&queue->head);
	tail = load_relaxed(&queue->tail);
	if (tail <= head)
		return 0;
	return (int64_t)(tail - head < queue->capacity ? tail - head : queue->capacity);
}
