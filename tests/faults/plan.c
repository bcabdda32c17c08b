/*
 * plan.c - finds sites and decides which of their calls fail.
 *
 * The role, and whether a thread is inside of the library, are private to a process; forks of the
 * library pass both on. Threads that the library starts are inside while they run its function
 * (calls.c).
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "plan.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "calls.h"

struct site *sites;
struct plan *plan;
struct holdings holdings;

static _Thread_local bool inside;
static enum role role;

void *plan_share(unsigned long size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

unsigned plan_sites(void)
{
	unsigned count = 0;

	while (count < MOST_SITES && atomic_load(&sites[count].ready))
		count++;
	return count;
}

bool plan_has(uint32_t site)
{
	return atomic_load(&sites[site].ready) == 2;
}

void library_enter(void)
{
	inside = true;
}

int library_leave(int result)
{
	inside = false;
	return result;
}

bool plan_inside(void)
{
	return inside;
}

enum role plan_role(void)
{
	return role;
}

void plan_before_fork(void)
{
	/* Before, as the handlers of pthread_atfork() run in the child first. */
	if (inside)
		role++;
}

void plan_after_fork_in_parent(void)
{
	if (inside)
		role--;
}

static void fill(struct site *site, uint32_t call, const void *address)
{
	const struct fault *via = &plan->faults[0];
	bool found_by_fault = plan->count && via->site != ANYWHERE && atomic_load(&via->fired);

	site->path = plan->path;
	site->call = call;
	site->role = role;
	site->address = (uintptr_t)address;
	site->via_site = found_by_fault ? via->site : ANYWHERE;
	site->via_nth = via->nth;
	site->via_error = via->error;
	site->via_lasting = via->lasting;
	atomic_store(&site->ready, 2);
}

/* The place in the table, entered if it is new. */
static uint32_t find(uint32_t call, const void *address)
{
	for (uint32_t i = 0; i < MOST_SITES; i++) {
		uint32_t ready = atomic_load(&sites[i].ready);

		if (!ready && atomic_compare_exchange_strong(&sites[i].ready, &ready, 1)) {
			fill(&sites[i], call, address);
			return i;
		}
		/*
		 * A place that is being filled is skipped, because its process may have been
		 * killed. At worst a site has two places.
		 */
		if (ready == 2 && sites[i].path == plan->path && sites[i].call == call && sites[i].role == role &&
		    sites[i].address == (uintptr_t)address)
			return i;
	}
	fprintf(stderr, "more than %d sites: raise MOST_SITES\n", MOST_SITES);
	abort();
}

static bool fires(struct fault *fault, uint32_t call, uint32_t site)
{
	/* A call that is repeated must succeed some time. */
	bool storm = fault->error == EINTR || fault->error == EBUSY;
	uint32_t seen;

	if (fault->site == ANYWHERE) {
		if (fault->call != call)
			return false;
		atomic_store(&fault->fired, 1);
		return true;
	}
	if (fault->site == site && !atomic_load(&fault->fired)) {
		seen = atomic_fetch_add(&fault->seen, 1) + 1;
		return seen == fault->nth && !atomic_exchange(&fault->fired, 1);
	}
	if (!fault->lasting || !atomic_load(&fault->fired) || sites[fault->site].call != call ||
	    sites[fault->site].role != role)
		return false;
	return !storm || atomic_fetch_add(&fault->fired, 1) % 2 == 0;
}

int fault_of(uint32_t call, const void *address)
{
	uint32_t site;
	int error = 0;

	if (!inside || !plan || !atomic_load(&plan->on))
		return 0;
	site = find(call, address);
	for (uint32_t i = 0; i < plan->count; i++)
		if (fires(&plan->faults[i], call, site))
			error = plan->faults[i].error;
	return error;
}
