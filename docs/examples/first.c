/*
 * first.c - the smallest useful program: every CPU squares its share of a million numbers in shared
 * memory.
 *
 * Run: build/docs/examples/first
 */
#include <sheaf.h>
#include <stdio.h>

static int square(sheaf_task *task, const void *in, void *out)
{
	(void)task;
	*(double *)out = *(const double *)in * *(const double *)in;
	return 0;
}

int main(void)
{
	enum { N = 1000000 };
	sheaf_pool *pool = NULL;
	void *memory;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = sheaf_alloc_array(pool, 2 * N, sizeof(double), &memory);
	if (r == 0) {
		double *x = memory, *y = x + N;

		for (int i = 0; i < N; i++)
			x[i] = i;
		r = sheaf_map(pool, square, x, sizeof(double), y, sizeof(double), N, NULL);
		if (r == 0)
			printf("%d squared is %.0f\n", N - 1, y[N - 1]);
	}
	if (r == 0)
		r = sheaf_pool_close(pool);
	if (r == 0)
		r = sheaf_pool_join(pool, SHEAF_FOREVER);
	if (r < 0)
		fprintf(stderr, "first: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
