/*
 * watch.c - a monitor in a few lines: it lists all pools of this user, and what they are doing.
 *
 * Run: build/docs/examples/watch while another program works
 */
#include <sheaf_inspect.h>
#include <stdio.h>

static void show(const char *name, void *context)
{
	sheaf_inspect *inspect;
	sheaf_inspect_pool pool;

	(void)context;
	if (sheaf_inspect_open(&inspect, name) < 0)
		return; /* it has just ended, or is none: sheaf_message() says which */
	if (sheaf_inspect_look(inspect, &pool) == 0)
		printf("%s: %u of %u workers run, %u tasks wait\n", name, pool.running, pool.workers, pool.ready);
	sheaf_inspect_close(inspect);
}

int main(void)
{
	if (sheaf_inspect_list(show, NULL) >= 0)
		return 0;
	fprintf(stderr, "watch: %s\n", sheaf_message());
	return 1;
}
