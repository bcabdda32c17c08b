/*
 * access.c - what compilers call with -fsanitize=thread, led to memory.c instead of to the
 * sanitizer.
 */
#include "races/fibers.h"

#include <stddef.h>

#define CODE __builtin_return_address(0)

/* The interface is the compilers', so nothing declares it. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static void plain(const volatile void *address, uint64_t size, bool write, const void *code)
{
	struct memory_view *view = fibers_view();

	if (view)
		memory_plain(view, fibers_self(), address, size, write, code);
}

#define PLAIN(size)                                      \
	void __tsan_read##size(void *address)            \
	{                                                \
		plain(address, size, false, CODE);       \
	}                                                \
	void __tsan_write##size(void *address)           \
	{                                                \
		plain(address, size, true, CODE);        \
	}                                                \
	void __tsan_unaligned_read##size(void *address)  \
	{                                                \
		plain(address, size, false, CODE);       \
	}                                                \
	void __tsan_unaligned_write##size(void *address) \
	{                                                \
		plain(address, size, true, CODE);        \
	}
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *address, size_t size)
{
	plain(address, size, false, CODE);
}

void __tsan_write_range(void *address, size_t size)
{
	plain(address, size, true, CODE);
}

void *__real_memcpy(void *to, const void *from, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size)
{
	plain(from, size, false, CODE);
	plain(to, size, true, CODE);
	return __real_memcpy(to, from, size);
}

void *__real_memset(void *to, int value, size_t size);
void *__wrap_memset(void *to, int value, size_t size)
{
	plain(to, size, true, CODE);
	return __real_memset(to, value, size);
}

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_atomic_thread_fence(int order)
{
	fibers_object("a fence of order %d: memory.c knows of none", order);
}

static struct access access_of(volatile void *address, unsigned size, int order, const void *code)
{
	if (memory_is_shared(address))
		fibers_step();
	else
		fibers_step_alone();
	return (struct access){fibers_view(), fibers_self(), address, size, order & 7, code};
}

static uint64_t exchange(uint64_t old, uint64_t operand)
{
	(void)old;
	return operand;
}

static uint64_t add(uint64_t old, uint64_t operand)
{
	return old + operand;
}

static uint64_t sub(uint64_t old, uint64_t operand)
{
	return old - operand;
}

static uint64_t and (uint64_t old, uint64_t operand)
{
	return old & operand;
}

static uint64_t or (uint64_t old, uint64_t operand)
{
	return old | operand;
}

/* Before the first play there is one thread, and the present value is the only one. */
#define CHANGE(type, bits, name, change)                                                   \
	type __tsan_atomic##bits##_##name(volatile type *address, type operand, int order) \
	{                                                                                  \
		struct access access = access_of(address, bits / 8, order, CODE);          \
		type old;                                                                  \
                                                                                           \
		if (access.view)                                                           \
			return (type)memory_change(&access, change, operand);              \
		old = *address;                                                            \
		*address = (type)change(old, operand);                                     \
		return old;                                                                \
	}

#define ATOMIC(type, bits)                                                                                               \
	CHANGE(type, bits, exchange, exchange)                                                                           \
	CHANGE(type, bits, fetch_add, add)                                                                               \
	CHANGE(type, bits, fetch_sub, sub)                                                                               \
	CHANGE(type, bits, fetch_and, and)                                                                               \
	CHANGE(type, bits, fetch_or, or)                                                                                 \
                                                                                                                         \
	type __tsan_atomic##bits##_load(const volatile type *address, int order)                                         \
	{                                                                                                                \
		struct access access = access_of((volatile void *)(uintptr_t)address, bits / 8, order, CODE);            \
                                                                                                                         \
		return access.view ? (type)memory_load(&access) : *address;                                              \
	}                                                                                                                \
                                                                                                                         \
	void __tsan_atomic##bits##_store(volatile type *address, type value, int order)                                  \
	{                                                                                                                \
		struct access access = access_of(address, bits / 8, order, CODE);                                        \
                                                                                                                         \
		if (access.view)                                                                                         \
			memory_store(&access, value);                                                                    \
		else                                                                                                     \
			*address = value;                                                                                \
	}                                                                                                                \
                                                                                                                         \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile type *address, type *expected, type value, int order, \
							  int failure_order)                                             \
	{                                                                                                                \
		struct access access = access_of(address, bits / 8, order, CODE);                                        \
		uint64_t read = *expected;                                                                               \
		bool done;                                                                                               \
                                                                                                                         \
		if (access.view) {                                                                                       \
			done = memory_compare_exchange(&access, &read, value, failure_order & 7);                        \
		} else {                                                                                                 \
			done = *address == *expected;                                                                    \
			read = *address;                                                                                 \
			if (done)                                                                                        \
				*address = value;                                                                        \
		}                                                                                                        \
		*expected = (type)read;                                                                                  \
		return done;                                                                                             \
	}                                                                                                                \
                                                                                                                         \
	int __tsan_atomic##bits##_compare_exchange_weak(volatile type *address, type *expected, type value, int order,   \
							int failure_order)                                               \
	{                                                                                                                \
		return __tsan_atomic##bits##_compare_exchange_strong(address, expected, value, order, failure_order);    \
	}                                                                                                                \
                                                                                                                         \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *address, type expected, type value, int order,    \
							int failure_order)                                               \
	{                                                                                                                \
		__tsan_atomic##bits##_compare_exchange_strong(address, &expected, value, order, failure_order);          \
		return expected;                                                                                         \
	}

ATOMIC(uint8_t, 8)
ATOMIC(uint16_t, 16)
ATOMIC(uint32_t, 32)
ATOMIC(uint64_t, 64)
