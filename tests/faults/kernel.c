/*
 * kernel.c - a seccomp filter, which any process may put on itself once it has given up new
 * privileges.
 */
#define _GNU_SOURCE
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "plan.h"

const struct optional optionals[] = {
	{CALL_MEMFD_CREATE, ENOSYS}, {CALL_TMPFILE, EOPNOTSUPP},   {CALL_CLOSE_RANGE, ENOSYS}, {CALL_PIPE2, ENOSYS},
	{CALL_FALLOCATE, ENOSYS},    {CALL_PRCTL, ENOSYS},         {CALL_LINKAT, ENOSYS},      {CALL_SCHED_GETAFFINITY, ENOSYS},
	{CALL_MADVISE, ENOSYS},      {CALL_MEMFD_CREATE, EPERM},   {CALL_TMPFILE, EISDIR},     {CALL_CLOSE_RANGE, EPERM},
	{CALL_PIPE2, EPERM},         {CALL_FALLOCATE, EOPNOTSUPP}, {CALL_PRCTL, EPERM},        {CALL_LINKAT, EPERM},
};
const unsigned optional_count = sizeof(optionals) / sizeof(optionals[0]);
const unsigned optional_kinds = 9;

/*
 * The system call, and what of its arguments tells the optional use: (args[argument] & mask) ==
 * value.
 */
static const struct {
	uint32_t call, number, argument, mask, value;
} filters[] = {
	{CALL_MEMFD_CREATE, SYS_memfd_create, 0, 0, 0},
	{CALL_TMPFILE, SYS_openat, 2, O_TMPFILE, O_TMPFILE},
	{CALL_CLOSE_RANGE, SYS_close_range, 0, 0, 0},
	/* where there is no other, pipe() is pipe2() without flags */
	{CALL_PIPE2, SYS_pipe2, 1, UINT32_MAX, O_CLOEXEC},
	{CALL_FALLOCATE, SYS_fallocate, 1, UINT32_MAX, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
	{CALL_PRCTL, SYS_prctl, 0, UINT32_MAX, PR_SET_PDEATHSIG},
	{CALL_LINKAT, SYS_linkat, 0, 0, 0},
	{CALL_SCHED_GETAFFINITY, SYS_sched_getaffinity, 0, 0, 0},
	{CALL_MADVISE, SYS_madvise, 2, UINT32_MAX, 14 /* MADV_HUGEPAGE */},
	{CALL_MADVISE, SYS_madvise, 2, UINT32_MAX, 25 /* MADV_COLLAPSE */},
};

#define RULE 6       /* instructions */
#define MOST_RULES 2 /* of one call */

/*
 * Answer @error to the use of a system call that filters[i] describes, and let others pass to the
 * next rule.
 */
static void add_rule(struct sock_filter *rule, unsigned i, int error)
{
	/* The low half of a 64-bit argument, on little-endian machines. */
	uint32_t argument = (uint32_t)offsetof(struct seccomp_data, args) + filters[i].argument * 8;

	rule[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	rule[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, filters[i].number, 0, RULE - 2);
	rule[2] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument);
	rule[3] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, filters[i].mask);
	rule[4] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, filters[i].value, 0, 1);
	rule[5] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error);
}

bool kernel_lacks(unsigned first, unsigned count)
{
	struct sock_filter program[MOST_FAULTS * MOST_RULES * RULE + 1];
	struct sock_fprog filter = {.filter = program};
	unsigned length = 0;

	for (unsigned o = first; o < first + count; o++)
		for (unsigned i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
			if (filters[i].call == optionals[o].call) {
				add_rule(&program[length], i, optionals[o].error);
				length += RULE;
			}
	program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter.len = (unsigned short)length;
	return !syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}
