/*
 * consumer.c - a program as a user would write it. install.sh and subproject.sh build and run it.
 */
#include <stdio.h>

#include <sheaf.h>
#include <sheaf_data.h>

static int cube(sheaf_task *task, const void *arg, void *result)
{
	const int *number = arg;

	(void)task;
	*(int *)result = *number * *number * *number;
	return 0;
}

int main(void)
{
	const sheaf_pool_options options = {.workers = 2};
	sheaf_pool *pool = NULL;
	int number = 3;
	int result = 0;
	int code = sheaf_pool_create(&pool, &options);

	if (code >= 0)
		code = sheaf_apply(pool, cube, &number, sizeof number, &result, sizeof result, NULL);
	if (code < 0)
		fprintf(stderr, "consumer: %s\n", sheaf_message());
	else
		printf("Sheaf %s: %d\n", sheaf_version(), result);
	sheaf_pool_destroy(pool);
	return code < 0;
}
