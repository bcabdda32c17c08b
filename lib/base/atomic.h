/*
 * atomic.h - the operations of <stdatomic.h> with the memory order in the name, in front of what
 * they work on.
 *
 * cas_X(object, &expected, desired) changes the object from the value expected to the value
 * desired. Returns true if it did; else it stores what it found in expected, by a relaxed load
 * (cas_acquire_always: by one that acquires). cas_weak_X may also fail for no reason.
 */
#ifndef SHEAF_BASE_ATOMIC_H
#define SHEAF_BASE_ATOMIC_H

#include <stdatomic.h>

#define load_relaxed(object) atomic_load_explicit((object), memory_order_relaxed)
#define load_acquire(object) atomic_load_explicit((object), memory_order_acquire)
#define load_seq_cst(object) atomic_load_explicit((object), memory_order_seq_cst)

#define store_relaxed(object, value) atomic_store_explicit((object), (value), memory_order_relaxed)
#define store_release(object, value) atomic_store_explicit((object), (value), memory_order_release)
#define store_seq_cst(object, value) atomic_store_explicit((object), (value), memory_order_seq_cst)

#define cas_strong(object, expected, desired, order) \
	atomic_compare_exchange_strong_explicit((object), (expected), (desired), order, memory_order_relaxed)
#define cas_relaxed(object, expected, desired) cas_strong(object, expected, desired, memory_order_relaxed)
#define cas_acquire(object, expected, desired) cas_strong(object, expected, desired, memory_order_acquire)
#define cas_acquire_always(object, expected, desired) \
	atomic_compare_exchange_strong_explicit((object), (expected), (desired), memory_order_acquire, memory_order_acquire)
#define cas_release(object, expected, desired) cas_strong(object, expected, desired, memory_order_release)
#define cas_acq_rel(object, expected, desired) cas_strong(object, expected, desired, memory_order_acq_rel)
#define cas_seq_cst(object, expected, desired) cas_strong(object, expected, desired, memory_order_seq_cst)

#define cas_weak(object, expected, desired, order) \
	atomic_compare_exchange_weak_explicit((object), (expected), (desired), order, memory_order_relaxed)
#define cas_weak_relaxed(object, expected, desired) cas_weak(object, expected, desired, memory_order_relaxed)
#define cas_weak_acquire(object, expected, desired) cas_weak(object, expected, desired, memory_order_acquire)
#define cas_weak_release(object, expected, desired) cas_weak(object, expected, desired, memory_order_release)
#define cas_weak_acq_rel(object, expected, desired) cas_weak(object, expected, desired, memory_order_acq_rel)
#define cas_weak_seq_cst(object, expected, desired) cas_weak(object, expected, desired, memory_order_seq_cst)

/* These return the value before. */
#define fetch_add_relaxed(object, value) atomic_fetch_add_explicit((object), (value), memory_order_relaxed)
#define fetch_add_acquire(object, value) atomic_fetch_add_explicit((object), (value), memory_order_acquire)
#define fetch_add_release(object, value) atomic_fetch_add_explicit((object), (value), memory_order_release)
#define fetch_add_acq_rel(object, value) atomic_fetch_add_explicit((object), (value), memory_order_acq_rel)
#define fetch_add_seq_cst(object, value) atomic_fetch_add_explicit((object), (value), memory_order_seq_cst)
#define fetch_sub_relaxed(object, value) atomic_fetch_sub_explicit((object), (value), memory_order_relaxed)
#define fetch_sub_release(object, value) atomic_fetch_sub_explicit((object), (value), memory_order_release)
#define fetch_sub_acq_rel(object, value) atomic_fetch_sub_explicit((object), (value), memory_order_acq_rel)
#define fetch_sub_seq_cst(object, value) atomic_fetch_sub_explicit((object), (value), memory_order_seq_cst)
#define fetch_and_relaxed(object, value) atomic_fetch_and_explicit((object), (value), memory_order_relaxed)
#define fetch_and_release(object, value) atomic_fetch_and_explicit((object), (value), memory_order_release)
#define fetch_and_acq_rel(object, value) atomic_fetch_and_explicit((object), (value), memory_order_acq_rel)
#define fetch_and_seq_cst(object, value) atomic_fetch_and_explicit((object), (value), memory_order_seq_cst)
#define fetch_or_relaxed(object, value) atomic_fetch_or_explicit((object), (value), memory_order_relaxed)
#define fetch_or_acq_rel(object, value) atomic_fetch_or_explicit((object), (value), memory_order_acq_rel)
#define fetch_or_seq_cst(object, value) atomic_fetch_or_explicit((object), (value), memory_order_seq_cst)

#endif
