/*
 * sharing.c - checks what the owner's options say of programs that may join.
 */
#include "pool/sharing.h"

#include "base/error.h"
#include "member/member.h"
#include "work/function.h"

#include <errno.h>

#define DEFAULT_PLACES 16u

static unsigned places_of(const struct sheaf_sharing *sharing)
{
	return sharing->places ? sharing->places : DEFAULT_PLACES;
}

int sharing_check(const sheaf_pool_options *options, bool chosen)
{
	const struct sheaf_sharing *sharing = options->sharing;

	if (!sharing)
		return 0;
	if (chosen && options->backend != SHEAF_PROCESSES)
		return sheaf_fail(-ENOTSUP, "options.sharing: other programs can join a pool of processes only "
					    "(SHEAF_PROCESSES)");
	if (options->flags & SHEAF_ANONYMOUS)
		return sheaf_fail(-EINVAL, "options.sharing: programs join by the name of the segment, and it is "
					   "SHEAF_ANONYMOUS");
	if (sharing->places > SHEAF_MAX_PLACES)
		return sheaf_fail(-EINVAL, "options.sharing: places is %u, at most %u", sharing->places, SHEAF_MAX_PLACES);
	if (!sharing->function_count)
		return sheaf_fail(-EINVAL, "options.sharing: function_count is 0: without a function nobody could submit");
	return functions_check("options.sharing", sharing->functions, sharing->function_count);
}

void sharing_plan(struct segment_options *wanted, const sheaf_pool_options *options, enum sheaf_backend backend)
{
	const struct sheaf_sharing *sharing = options->sharing;
	unsigned left = SHEAF_MAX_WORKERS - wanted->workers;

	if (!sharing || backend != SHEAF_PROCESSES)
		return;
	wanted->functions = sharing->functions;
	wanted->function_count = (uint32_t)sharing->function_count;
	wanted->own_functions = functions_hash(wanted->own);
	wanted->places = places_of(sharing) < left ? places_of(sharing) : left;
	wanted->limit_ns = limit_of(options->task_timeout_ns, 0);
	wanted->on_demand = options->worker_options && options->worker_options->on_demand;
}
