/*
 * role.c - a process of the family begins what it is.
 */
#include "pool/role.h"

#include "os/os.h"

#include <stddef.h>
#include <string.h>

void role_begin(struct supervisor *s, const char *name)
{
	unsigned count = s->segment->worker_count;

	/* As far as there are workers, because memory that is left alone costs no fork a page. */
	memset(&s->role, 0, offsetof(struct role, limits));
	limits_begin(&s->role.limits, s->segment);
	memset(s->role.pids, 0, count * sizeof(s->role.pids[0]));
	memset(s->role.generations, 0, count * sizeof(s->role.generations[0]));
	if (s->segment->workers.init)
		memset(s->role.setups, 0, count * sizeof(s->role.setups[0]));
	/* What a supervisor had open of them its children do not inherit. */
	memset(s->role.programs, 0, (count - s->segment->crew_count) * sizeof(s->role.programs[0]));
	os_name_process(name);
}
