/*
 * memory_meter.c - the counter, and what feeds it.
 */
#include "memory_meter.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HOOKED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define HOOKED 1
#endif

#ifdef HOOKED
/* As in sanitizer/allocator_interface.h, which gcc does not bring. */
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *memory, size_t size),
					      void (*freed)(const volatile void *memory));
size_t __sanitizer_get_allocated_size(const volatile void *memory);
#else
#include <malloc.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);
#endif

int __real_os_commit(int fd, uint64_t offset, uint64_t size, void *at);
int __wrap_os_commit(int fd, uint64_t offset, uint64_t size, void *at);
void __real_os_release(int fd, uint64_t offset, uint64_t size);
void __wrap_os_release(int fd, uint64_t offset, uint64_t size);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

static _Thread_local bool counting;
static _Thread_local struct memory_use use;
static _Thread_local struct stat counted;

static void add(int64_t *held, int64_t bytes)
{
	int64_t all, excess;

	if (!counting)
		return;
	*held += bytes;
	all = use.private_bytes + use.heap_bytes;
	excess = all - (int64_t)(MEMORY_PER_BYTE * use.read);
	use.peak = all > use.peak ? all : use.peak;
	use.excess = excess > use.excess ? excess : use.excess;
}

/* ---- shared memory ---- */

int __wrap_os_commit(int fd, uint64_t offset, uint64_t size, void *at)
{
	int r = __real_os_commit(fd, offset, size, at);

	if (!r)
		add(&use.heap_bytes, (int64_t)size);
	return r;
}

void __wrap_os_release(int fd, uint64_t offset, uint64_t size)
{
	__real_os_release(fd, offset, size);
	add(&use.heap_bytes, -(int64_t)size);
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	ssize_t got = __real_read(fd, buffer, size);
	struct stat status;

	if (counting && got > 0 && !fstat(fd, &status) && status.st_dev == counted.st_dev && status.st_ino == counted.st_ino)
		use.read += (uint64_t)got;
	return got;
}

/* ---- private memory ---- */

#ifdef HOOKED
static void allocated(const volatile void *memory, size_t size)
{
	(void)memory;
	add(&use.private_bytes, (int64_t)size);
}

static void freed(const volatile void *memory)
{
	if (counting && memory)
		add(&use.private_bytes, -(int64_t)__sanitizer_get_allocated_size(memory));
}
#else
void *malloc(size_t size)
{
	void *memory = __libc_malloc(size);

	if (memory)
		add(&use.private_bytes, (int64_t)malloc_usable_size(memory));
	return memory;
}

void *calloc(size_t n, size_t size)
{
	void *memory = __libc_calloc(n, size);

	if (memory)
		add(&use.private_bytes, (int64_t)malloc_usable_size(memory));
	return memory;
}

void *realloc(void *memory, size_t size)
{
	size_t before = memory ? malloc_usable_size(memory) : 0;
	void *changed = __libc_realloc(memory, size);

	if (changed) {
		add(&use.private_bytes, (int64_t)malloc_usable_size(changed));
		add(&use.private_bytes, -(int64_t)before);
	}
	return changed;
}

void free(void *memory)
{
	if (memory)
		add(&use.private_bytes, -(int64_t)malloc_usable_size(memory));
	__libc_free(memory);
}
#endif

void memory_meter_begin(int input)
{
#ifdef HOOKED
	static bool hooked;

	if (!hooked)
		__sanitizer_install_malloc_and_free_hooks(allocated, freed);
	hooked = true;
#endif
	use = (struct memory_use){0};
	counting = !fstat(input, &counted);
}

struct memory_use memory_meter_end(void)
{
	counting = false;
	return use;
}
