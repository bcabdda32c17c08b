/*
 * trail.c - addresses by point, and the breakpoint registers of x86-64.
 */
#define _DEFAULT_SOURCE /* ptrace() */
#include "check.h"
#include "trail.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#if defined(__linux__) && defined(__x86_64__)
#include <elf.h>
#include <sys/auxv.h>
#include <sys/user.h>
#endif

#define FEW_STEPS 16
#define MANY_ROUNDS 200

#if defined(__linux__) && defined(__x86_64__)

static void trap(void)
{
	__asm__ volatile("int3");
}

/* 0 if another has killed it while it stood still: who resumes it then sees its end. */
static uint64_t peek(int what, pid_t stopped, uint64_t at)
{
	long value;

	errno = 0;
	value = ptrace(what, stopped, (void *)(uintptr_t)at, NULL);
	CHECK(!errno || errno == ESRCH, "PTRACE_PEEK: errno %d at %#llx", errno, (unsigned long long)at);
	return errno ? 0 : (uint64_t)value;
}

static uint64_t address_of(pid_t stopped)
{
	return peek(PTRACE_PEEKUSER, stopped, offsetof(struct user, regs.rip));
}

static bool set_register(pid_t stopped, unsigned number, uint64_t value)
{
	size_t at = offsetof(struct user, u_debugreg) + number * sizeof(long);

	return !ptrace(PTRACE_POKEUSER, stopped, (void *)at, (void *)(uintptr_t)value);
}

/* Register 7 says which are in force; a breakpoint at an instruction is its kind 0. */
static bool set_breakpoint(pid_t stopped, uint64_t address)
{
	return set_register(stopped, 0, address) && set_register(stopped, 7, 1);
}

void trail_unmark(pid_t stopped)
{
	set_register(stopped, 7, 0);
}

/* The clock is in the vdso, an ELF file that the kernel maps; its section headers come last. */
static bool in_clock(uint64_t address)
{
	const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);

	return vdso && address >= (uintptr_t)vdso &&
	       address - (uintptr_t)vdso < vdso->e_shoff + (uint64_t)vdso->e_shnum * vdso->e_shentsize;
}

/* Behind the clock, if it was entered with the last step. */
static uintptr_t leap_clock(pid_t stopped, uint64_t address)
{
	static bool was_inside;
	bool enters = !was_inside;

	was_inside = in_clock(address);
	if (!was_inside || !enters)
		return 0;
	return (uintptr_t)peek(PTRACE_PEEKDATA, stopped, peek(PTRACE_PEEKUSER, stopped, offsetof(struct user, regs.rsp)));
}

/* Behind "rep movs" and "rep stos", with or without a prefix for 64 bits, when many of their rounds have been steps. */
static uintptr_t leap_copy(pid_t stopped, uint64_t address)
{
	static uint64_t last, times;
	uint64_t code;

	times = address == last ? times + 1 : 0;
	last = address;
	if (times != MANY_ROUNDS)
		return 0;
	code = peek(PTRACE_PEEKDATA, stopped, address);
	return (code & 0xff) == 0xf3 ? address + ((code >> 8 & 0xf8) == 0x48 ? 3 : 2) : 0;
}

uintptr_t trail_leap(pid_t stopped)
{
	uint64_t address = address_of(stopped);
	uintptr_t behind = leap_clock(stopped, address);

	return behind ? behind : leap_copy(stopped, address);
}

#else

static void trap(void)
{
	raise(SIGTRAP);
}

uintptr_t trail_leap(pid_t stopped)
{
	(void)stopped;
	return 0;
}

static uint64_t address_of(pid_t stopped)
{
	(void)stopped;
	return 0;
}

static bool set_breakpoint(pid_t stopped, uint64_t address)
{
	(void)stopped;
	(void)address;
	return false;
}

void trail_unmark(pid_t stopped)
{
	(void)stopped;
}

#endif

bool trail_begin(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		return false;
	trap();
	return true;
}

void trail_add(struct trail *trail, pid_t stopped)
{
	if (trail->length == trail->room) {
		trail->room = trail->room ? 2 * trail->room : 4096;
		trail->at = realloc(trail->at, trail->room * sizeof(*trail->at));
		CHECK(trail->at, "no memory for %llu points", (unsigned long long)trail->room);
	}
	trail->at[trail->length++] = stopped ? address_of(stopped) : 0;
}

struct place {
	uint64_t at;
	uint64_t point;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->point < y->point ? -1 : x->point > y->point;
}

void trail_close(struct trail *trail)
{
	struct place *places = calloc(trail->length + 1, sizeof(*places));

	trail->anchor = calloc(trail->length + 1, sizeof(*trail->anchor));
	CHECK(places && trail->anchor, "no memory for %llu points", (unsigned long long)trail->length);
	for (uint64_t i = 0; i < trail->length; i++)
		places[i] = (struct place){trail->at[i], i};
	qsort(places, trail->length, sizeof(*places), compare_places);
	for (uint64_t i = 0; i < trail->length; i++)
		if (places[i].at && (!i || places[i].at != places[i - 1].at))
			trail->anchor[places[i].point] = places[i].point;
	for (uint64_t i = 1; i < trail->length; i++)
		if (!trail->anchor[i])
			trail->anchor[i] = trail->anchor[i - 1];
	free(places);
}

uint64_t trail_mark(const struct trail *trail, uint64_t point, pid_t stopped)
{
	uint64_t anchor = trail->anchor[point];

	return anchor > FEW_STEPS && set_breakpoint(stopped, trail->at[anchor]) ? anchor : 0;
}

bool trail_mark_address(uintptr_t address, pid_t stopped)
{
	return set_breakpoint(stopped, address);
}

bool trail_at_address(uintptr_t address, pid_t stopped)
{
	return address_of(stopped) == address;
}

bool trail_is_at(const struct trail *trail, uint64_t point, pid_t stopped)
{
	return address_of(stopped) == trail->at[point];
}

void trail_free(struct trail *trail)
{
	free(trail->at);
	free(trail->anchor);
	*trail = (struct trail){0};
}
