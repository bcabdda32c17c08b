/*
 * breakpoint.h - one breakpoint of the processor in a traced process, and the instruction at which
 * that process stands.
 *
 * A breakpoint of the processor leaves the program's text unchanged, and children of the process do
 * not have it. x86-64 has them; a virtual machine may not. Where there are none,
 * instruction_address() is 0 and a caller has to step.
 */
#ifndef SHEAF_TESTS_SUPPORT_BREAKPOINT_H
#define SHEAF_TESTS_SUPPORT_BREAKPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Have the parent trace this process, and stop here. False: that is not allowed. */
bool breakpoint_here(void);

/* Set the breakpoint of a stopped process. False: there is none. */
bool breakpoint_set(pid_t stopped, uint64_t address);
void breakpoint_clear(pid_t stopped);

/* Return the address of the next instruction of a stopped process; 0 if it is not known. */
uint64_t instruction_address(pid_t stopped);

/*
 * Return the address behind steps that are not worth taking, or 0 if the next step is worth it. Ask
 * before every step.
 *
 * Not worth taking is the kernel's clock, which runs in user space and changes nothing: it begins
 * anew if it has ticked meanwhile, so that a process that is stepped slowly might never get
 * through. Nor is one instruction that copies or clears on and on.
 */
uint64_t address_to_skip_to(pid_t stopped);

#endif
