/*
 * value.c - a value of any size whose readers never wait: two copies and a version.
 *
 * Copy `version % 2` is the value. A writer fills the other copy and then counts the version up, by
 * one store. A reader copies the value, and does so again if the version has changed meanwhile,
 * because the next writer may have overwritten what it read. A reader that is overtaken too often
 * keeps writers out. (A sequence lock with two copies; Boehm, "Can seqlocks get along with
 * programming language memory models?", MSPC 2012, for the orders.)
 *
 * Writers           The thread inside of the door.
 * Deaths            Of a writer: before its store of `version` the value is the old one, and the
 *                   next writer fills the same copy anew.
 */
#include "sheaf_sync.h"

#include "base/number.h"
#include "sync/door.h"
#include "sync/gate.h"
#include "sync/object.h"

#include <string.h>

#define TRIES 64

struct sheaf_value {
	uint32_t kind;
	struct gate gate;
	size_t size, words; /* bytes of the value; words of a copy */
	_Atomic uint64_t version;
	pthread_mutex_t door;
	alignas(OBJECT_LINE) _Atomic uint64_t copies[];
};

static _Atomic uint64_t *copy_of(const sheaf_value *v, uint64_t version)
{
	return ((sheaf_value *)v)->copies + version % 2 * v->words;
}

/* Bytes of the value in a word of it: 8, and fewer in the last one. */
static size_t bytes_in(const sheaf_value *v, size_t word)
{
	size_t left = v->size - word * sizeof(uint64_t);

	return left < sizeof(uint64_t) ? left : sizeof(uint64_t);
}

static void write_copy(sheaf_value *v, uint64_t version, const void *from)
{
	_Atomic uint64_t *copy = copy_of(v, version);

	for (size_t i = 0; i < v->words; i++) {
		uint64_t word = 0;

		memcpy(&word, (const unsigned char *)from + i * sizeof(word), bytes_in(v, i));
		/*
		 * Releases to read_copy(): a reader that sees this word of a later version also
		 * sees that the version has changed.
		 */
		store_release(copy + i, word);
	}
}

static void read_copy(const sheaf_value *v, uint64_t version, void *to)
{
	const _Atomic uint64_t *copy = copy_of(v, version);

	for (size_t i = 0; i < v->words; i++) {
		/* Acquires from write_copy(). */
		uint64_t word = load_acquire(copy + i);

		memcpy((unsigned char *)to + i * sizeof(word), &word, bytes_in(v, i));
	}
}

int sheaf_value_create(sheaf_pool *pool, size_t size, const void *initial, sheaf_value **value)
{
	sheaf_value *v;
	void *memory;
	size_t bytes;
	int r;

	if (!value || !initial || !size)
		return sheaf_fail(-EINVAL, "%s: %s is NULL, or the size is 0: %zu", __func__,
				  value ? "the initial value" : "the place", size);
	if (!checked_round_up(size, OBJECT_LINE, &bytes) || !checked_multiply(bytes, 2, &bytes) ||
	    bytes > SIZE_MAX - sizeof(*v))
		return sheaf_fail(-EOVERFLOW, "%s: two copies of %zu bytes do not fit the address space", __func__, size);
	if ((r = sheaf_alloc(pool, sizeof(*v) + bytes, &memory)))
		return r;
	v = memory;
	v->size = size;
	v->words = (size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
	store_relaxed(&v->version, 1);
	write_copy(v, 1, initial);
	if ((r = os_robust_init(&v->door))) {
		sheaf_free(pool, memory);
		return sheaf_fail(r, "%s: errno %d", __func__, -r);
	}
	v->kind = OBJECT_VALUE;
	*value = v;
	return 0;
}

/* Copy the value while no writer is inside. -EAGAIN: one is, and stays, so it sets nothing. */
static int copy_inside(sheaf_value *v, void *copy, uint64_t *version)
{
	int r = door_enter(&v->door, 0);

	if (r)
		return r;
	/* Relaxed: the door orders it. */
	*version = load_relaxed(&v->version);
	read_copy(v, *version, copy);
	door_leave(&v->door);
	return 0;
}

int sheaf_value_get(const sheaf_value *value, void *copy, uint64_t *version)
{
	uint64_t begin = 0;

	if (!object_is(value, OBJECT_VALUE))
		return object_refuse(__func__, value);
	if (!copy)
		return sheaf_fail(-EINVAL, "%s: the place for the copy is NULL", __func__);
	for (unsigned tries = 0;; tries++) {
		if (tries == TRIES) {
			int r = copy_inside((sheaf_value *)value, copy, &begin);

			if (!r)
				break;
			if (r != -EAGAIN)
				return r;
			tries = 0;
		}
		/* Acquires the copy from set_inside(). */
		begin = load_acquire(&value->version);
		read_copy(value, begin, copy);
		/* Relaxed: behind the copy, because its words were acquired. */
		if (load_relaxed(&value->version) == begin)
			break;
	}
	if (version)
		*version = begin;
	return 0;
}

/* Set it to the next version, inside of the door. Returns that. */
static uint64_t set_inside(sheaf_value *v, const void *from)
{
	/* Relaxed: the door orders it. */
	uint64_t next = load_relaxed(&v->version) + 1;

	write_copy(v, next, from);
	/* Releases the copy to the loads of get and wait. */
	store_release(&v->version, next);
	return next;
}

static int set(sheaf_value *v, const char *call, const uint64_t *expected, const void *from, uint64_t *version,
	       uint64_t deadline_ns)
{
	uint64_t next;
	int r;

	if (!object_is(v, OBJECT_VALUE))
		return object_refuse(call, v);
	if (!from)
		return sheaf_fail(-EINVAL, "%s: the new value is NULL", call);
	if ((r = door_enter(&v->door, deadline_ns)))
		return r;
	if (expected && load_relaxed(&v->version) != *expected) {
		door_leave(&v->door);
		return -ESTALE;
	}
	next = set_inside(v, from);
	door_leave(&v->door);
	gate_tell(&v->gate);
	if (version)
		*version = next;
	return 0;
}

int sheaf_value_set(sheaf_value *value, const void *from, uint64_t *version, uint64_t deadline_ns)
{
	return set(value, __func__, NULL, from, version, deadline_ns);
}

int sheaf_value_replace(sheaf_value *value, uint64_t version, const void *from, uint64_t deadline_ns)
{
	return set(value, __func__, &version, from, NULL, deadline_ns);
}

int sheaf_value_wait(sheaf_value *value, uint64_t version, uint64_t deadline_ns)
{
	if (!object_is(value, OBJECT_VALUE))
		return object_refuse(__func__, value);
	for (;;) {
		uint32_t seen = gate_look(&value->gate);
		int r;

		/* Acquires from set_inside(), as sheaf_value_get() does. */
		if (load_acquire(&value->version) > version)
			return 0;
		if ((r = gate_wait(&value->gate, seen, deadline_ns)))
			return r;
	}
}
