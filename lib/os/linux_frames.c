/*
 * linux_frames.c - where a signal has interrupted the code, read from the handler's context, and
 * what code is named.
 */
#define _GNU_SOURCE
#include "os/os.h"

#ifdef HAVE_DLADDR
#include <dlfcn.h>
#endif
#ifdef HAVE_EXECINFO
#include <execinfo.h>
#endif
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

/* Tell the address at which the signal interrupted the code. 0: it cannot be told. */
static uint64_t interrupted_at(const void *context)
{
#if defined(__x86_64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.pc;
#elif defined(__riscv)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.__gregs[0];
#elif defined(__arm__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.arm_pc;
#elif defined(__i386__)
	return (uint64_t)(uint32_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_EIP];
#else
	(void)context;
	return 0;
#endif
}

uint64_t os_stack_pointer(const void *context)
{
#if defined(__x86_64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.sp;
#else
	(void)context;
	return 0;
#endif
}

#ifdef HAVE_EXECINFO
unsigned os_frames(const void *context, uint64_t *frames, unsigned most)
{
	void *found[64];
	int count = backtrace(found, 64), first = 0;
	uint64_t at = interrupted_at(context);

	/* Pass over this function, the handler, and what called the handler. */
	while (first < count && (uint64_t)(uintptr_t)found[first] != at)
		first++;
	if (first == count && at && most) {
		/*
		 * Without unwind tables for that code the unwinder does not get out of the handler.
		 */
		frames[0] = at;
		return 1;
	}
	if (first == count)
		first = 0;
	for (int i = first; i < count && (unsigned)(i - first) < most; i++)
		frames[i - first] = (uint64_t)(uintptr_t)found[i];
	return (unsigned)(count - first) < most ? (unsigned)(count - first) : most;
}
#else
unsigned os_frames(const void *context, uint64_t *frames, unsigned most)
{
	frames[0] = interrupted_at(context);
	return most && frames[0];
}
#endif

void os_code_name(uint64_t address, char *name, size_t size)
{
#ifdef HAVE_DLADDR
	Dl_info found;

	if (dladdr((void *)(uintptr_t)address, &found) && found.dli_fname) {
		const char *slash = strrchr(found.dli_fname, '/');

		/* A symbol in front of the address is that of another function. */
		if (found.dli_sname && (uint64_t)(uintptr_t)found.dli_saddr == address)
			snprintf(name, size, "%s", found.dli_sname);
		else
			snprintf(name, size, "%.30s+0x%" PRIx64, slash ? slash + 1 : found.dli_fname,
				 address - (uint64_t)(uintptr_t)found.dli_fbase);
		return;
	}
#endif
	snprintf(name, size, "0x%" PRIx64, address);
}
