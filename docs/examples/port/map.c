/*
 * map.c - Pool.map() and Pool.starmap(). map.py does the same with Python's Pool.
 *
 * Run: build/docs/examples/port/map
 */
#include <inttypes.h>
#include <sheaf.h>
#include <stdio.h>

static int cube(sheaf_task *task, const void *in, void *out)
{
	int64_t x = *(const int64_t *)in;

	(void)task;
	*(int64_t *)out = x * x * x;
	return 0;
}

struct arguments {
	int64_t base, exponent;
};

static int power(sheaf_task *task, const void *in, void *out)
{
	const struct arguments *arguments = in;
	int64_t value = 1;

	(void)task;
	for (int64_t i = 0; i < arguments->exponent; i++)
		value *= arguments->base;
	*(int64_t *)out = value;
	return 0;
}

/* In shared memory: what goes in, and what comes out. */
struct data {
	int64_t numbers[10], cubes[10];
	struct arguments arguments[3];
	int64_t powers[3];
};

static void print(const int64_t *values, int n)
{
	for (int i = 0; i < n; i++)
		printf("%s%" PRId64, i ? " " : "", values[i]);
	puts("");
}

static int run(sheaf_pool *pool)
{
	struct data *data;
	void *memory;
	int r = sheaf_alloc(pool, sizeof(*data), &memory);

	if (r < 0)
		return r;
	data = memory;
	*data = (struct data){.arguments = {{2, 10}, {3, 5}, {10, 6}}};
	for (int i = 0; i < 10; i++)
		data->numbers[i] = i;

	r = sheaf_map(pool, cube, data->numbers, sizeof(int64_t), data->cubes, sizeof(int64_t), 10, NULL);
	if (r == 0)
		r = sheaf_map(pool, power, data->arguments, sizeof(struct arguments), data->powers, sizeof(int64_t), 3, NULL);
	if (r == 0) {
		print(data->cubes, 10);
		print(data->powers, 3);
	}
	return r;
}

int main(void)
{
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = run(pool);
	if (r < 0)
		fprintf(stderr, "map: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
