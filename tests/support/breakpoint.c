/*
 * breakpoint.c - the breakpoint registers of x86-64.
 */
#define _DEFAULT_SOURCE /* ptrace() */
#include "breakpoint.h"

#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#if defined(__linux__) && defined(__x86_64__)
#include <elf.h>
#include <sys/auxv.h>
#include <sys/user.h>
#endif

#define MANY_ROUNDS 200

#if defined(__linux__) && defined(__x86_64__)

static void trap(void)
{
	__asm__ volatile("int3");
}

/*
 * Return a word of the process, or 0 if another process has killed it meanwhile: the next request
 * tells its end.
 */
static uint64_t peek(int what, pid_t stopped, uint64_t at)
{
	long value;

	errno = 0;
	value = ptrace(what, stopped, (void *)(uintptr_t)at, NULL);
	CHECK(!errno || errno == ESRCH, "PTRACE_PEEK: errno %d at %#llx", errno, (unsigned long long)at);
	return errno ? 0 : (uint64_t)value;
}

uint64_t instruction_address(pid_t stopped)
{
	return peek(PTRACE_PEEKUSER, stopped, offsetof(struct user, regs.rip));
}

static bool set_register(pid_t stopped, unsigned number, uint64_t value)
{
	size_t at = offsetof(struct user, u_debugreg) + number * sizeof(long);

	return !ptrace(PTRACE_POKEUSER, stopped, (void *)at, (void *)(uintptr_t)value);
}

/* Register 7 says which breakpoints are in force. Its kind 0 is a breakpoint at an instruction. */
bool breakpoint_set(pid_t stopped, uint64_t address)
{
	return set_register(stopped, 0, address) && set_register(stopped, 7, 1);
}

void breakpoint_clear(pid_t stopped)
{
	set_register(stopped, 7, 0);
}

/* Is this in the vdso? That is an ELF file that the kernel maps; its section headers come last. */
static bool in_clock(uint64_t address)
{
	const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);

	return vdso && address >= (uintptr_t)vdso &&
	       address - (uintptr_t)vdso < vdso->e_shoff + (uint64_t)vdso->e_shnum * vdso->e_shentsize;
}

/* Return the address behind the clock, if the last step has entered it. */
static uint64_t behind_clock(pid_t stopped, uint64_t address)
{
	static bool was_inside;
	bool enters = !was_inside;

	was_inside = in_clock(address);
	if (!was_inside || !enters)
		return 0;
	return peek(PTRACE_PEEKDATA, stopped, peek(PTRACE_PEEKUSER, stopped, offsetof(struct user, regs.rsp)));
}

/*
 * Return the address behind "rep movs" or "rep stos", with or without a prefix for 64 bits, once
 * many of its rounds have been steps.
 */
static uint64_t behind_copy(pid_t stopped, uint64_t address)
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

uint64_t address_to_skip_to(pid_t stopped)
{
	uint64_t address = instruction_address(stopped);
	uint64_t behind = behind_clock(stopped, address);

	return behind ? behind : behind_copy(stopped, address);
}

#else

static void trap(void)
{
	raise(SIGTRAP);
}

uint64_t address_to_skip_to(pid_t stopped)
{
	(void)stopped;
	return 0;
}

uint64_t instruction_address(pid_t stopped)
{
	(void)stopped;
	return 0;
}

bool breakpoint_set(pid_t stopped, uint64_t address)
{
	(void)stopped;
	(void)address;
	return false;
}

void breakpoint_clear(pid_t stopped)
{
	(void)stopped;
}

#endif

bool breakpoint_here(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		return false;
	trap();
	return true;
}
