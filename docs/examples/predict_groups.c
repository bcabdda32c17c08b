/*
 * predict_groups.c - predict a value for each row of a CSV file, by the model of the row's site.
 *
 * There are 97 sites, and a model for each in a file of its own. A worker loads a model when it
 * first needs it, and keeps it as its state. All rows of a site are predicted by one call, or, of a
 * large site, by a call for each part of them. Predictions go where their rows are.
 *
 * The example makes its files first, from the position alone, in a folder: measured.csv, and the
 * models. Then it writes predicted.csv there. All files have the same bytes for any number of
 * workers. predict_groups.py computes the same with pandas and joblib.
 *
 * Run: build/docs/examples/predict_groups [--workers N] [--rows N] [--folder NAME] [--tell-loads]
 */
#include "predict_files.h"
#include "support/example.h"

#include <errno.h>
#include <math.h>
#include <sheaf_group.h>
#include <sheaf_table.h>
#include <sheaf_workers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 483931, PART = 4096 };

/* ---- a model: a network with one layer of hidden units ---- */

static double model_answer(const struct model *model, const double x[FEATURES])
{
	double y = model->output[UNITS];

	for (int unit = 0; unit < UNITS; unit++) {
		double sum = model->hidden[unit][FEATURES];

		for (int i = 0; i < FEATURES; i++)
			sum += model->hidden[unit][i] * x[i];
		y += model->output[unit] * (sum / (1 + fabs(sum)));
	}
	return y;
}

static struct model *model_load(const char *path)
{
	struct model *model = calloc(1, sizeof(*model));
	FILE *file = fopen(path, "r");
	double *weights = (double *)model;
	bool whole = model && file;

	for (int i = 0; whole && i < WEIGHTS; i++)
		whole = fscanf(file, "%lf", &weights[i]) == 1;
	if (file)
		fclose(file);
	if (!whole) {
		free(model);
		return NULL;
	}
	return model;
}

/* ---- what a worker has in its own memory ---- */

struct cache {
	struct model *models[SITES]; /* NULL: not needed so far */
	unsigned loads;
};

struct hook_context {
	const char *folder;
	bool tell;
};

static int begin_worker(void **state, unsigned worker, void *context)
{
	(void)context;
	*state = calloc(1, sizeof(struct cache));
	return *state ? 0 : sheaf_worker_fail(-ENOMEM, "worker %u has no memory for its models", worker);
}

static void end_worker(void *state, unsigned worker, void *context)
{
	struct cache *cache = state;

	if (((const struct hook_context *)context)->tell)
		fprintf(stderr, "worker %u loaded %u models\n", worker, cache->loads);
	for (int i = 0; i < SITES; i++)
		free(cache->models[i]);
	free(cache);
}

/* ---- the work for one site ---- */

struct job {
	const int32_t *site; /* of each row, the index of its name */
	const char *names;   /* name_size bytes each */
	size_t name_size;
	const double *features[FEATURES];
	double *predicted;
	char folder[256];
};

/* Find a site's model. The first time in this worker, load it. */
static const struct model *find_model(sheaf_task *task, const struct job *job, int32_t site)
{
	struct cache *cache = sheaf_task_state(task);
	char path[300];

	if (!cache->models[site]) {
		predict_model_path(path, sizeof(path), job->folder, job->names + (size_t)site * job->name_size, job->name_size);
		cache->models[site] = model_load(path);
		cache->loads++;
		if (!cache->models[site])
			sheaf_task_fail(task, -EINVAL, "%s is no model of %d numbers", path, WEIGHTS);
	}
	return cache->models[site];
}

static int predict(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	const struct job *job = context;
	const struct model *model = find_model(task, job, job->site[group->order[0]]);

	(void)rows;
	if (!model)
		return -EINVAL;
	for (size_t i = 0; i < group->rows; i++) {
		int64_t row = group->order[i];
		double x[FEATURES];

		for (int k = 0; k < FEATURES; k++)
			x[k] = job->features[k][row];
		job->predicted[row] = model_answer(model, x);
	}
	return 0;
}

/* ---- read, predict, write ---- */

static int fail_column(const char *name, const char *wanted)
{
	fprintf(stderr, "predict_groups: no column %s: wanted are %s\n", name, wanted);
	return 1;
}

/* Fill in what the workers need to know of the table. */
static int take_columns(struct job *job, const sheaf_table *table)
{
	static const char *const names[FEATURES] = {"flow", "heat", "load"};
	const sheaf_column *site = sheaf_table_column(table, "site");

	if (!site || !site->texts.data || site->texts.item_size >= NAME || site->texts.shape[0] > SITES)
		return fail_column("site", "texts of at most 3 bytes, and not more than 97 of them");
	job->site = site->values.data;
	job->names = site->texts.data;
	job->name_size = site->texts.item_size;
	for (int i = 0; i < FEATURES; i++) {
		const sheaf_column *column = sheaf_table_column(table, names[i]);

		if (!column || column->values.type != SHEAF_F64)
			return fail_column(names[i], "floats");
		job->features[i] = column->values.data;
	}
	return 0;
}

static int save(sheaf_pool *pool, const sheaf_table *table, const sheaf_array *predicted, const char *folder)
{
	sheaf_column columns[] = {*sheaf_table_column(table, "row"),
				  *sheaf_table_column(table, "site"),
				  {.name = "predicted", .values = *predicted}};
	char path[300];

	snprintf(path, sizeof(path), "%s/predicted.csv", folder);
	return sheaf_table_save(&(sheaf_table){.rows = table->rows, .column_count = 3, .columns = columns}, pool, path, NULL);
}

static int predict_table(sheaf_pool *pool, const sheaf_table *table, const char *folder)
{
	struct job job;
	sheaf_group_work work = {.fn = predict, .type = SHEAF_F64, .context = &job, .context_size = sizeof(job), .split = PART};
	sheaf_partition by_site;
	sheaf_array predicted, none;
	int r;

	snprintf(job.folder, sizeof(job.folder), "%s", folder);
	if ((r = take_columns(&job, table)) ||
	    (r = sheaf_partition_by_key(&by_site, pool, &sheaf_table_column(table, "site")->values, 1, NULL)) ||
	    (r = sheaf_array_create(&predicted, pool, SHEAF_F64, 0, 1, &table->rows)))
		return r;
	job.predicted = predicted.data;
	if (!(r = sheaf_group_apply(&none, NULL, pool, &by_site, &work, NULL)) && !(r = save(pool, table, &predicted, folder)))
		printf("%zu rows of %zu sites: %s/predicted.csv\n", table->rows, by_site.groups, folder);
	return r;
}

static int predict_file(sheaf_pool *pool, const char *folder)
{
	const sheaf_column_option coded = {.name = "site", .as = SHEAF_CODED};
	sheaf_table table;
	char path[300];
	int r;

	snprintf(path, sizeof(path), "%s/measured.csv", folder);
	r = sheaf_table_load(&table, pool, path, &(sheaf_table_options){.columns = &coded, .column_count = 1});
	/* What it took of the pool's memory goes with the pool. */
	return r ? r : predict_table(pool, &table, folder);
}

int main(int argc, char **argv)
{
	unsigned rows = ROWS;
	struct hook_context context = {.folder = "predict"};
	const struct example_option known[] = {
		{.name = "--rows", .help = "how many", .number = &rows, .min = 1, .max = 100000000},
		{.name = "--folder", .help = "where its files are", .text = &context.folder},
		{.name = "--tell-loads", .help = "workers tell how many models they loaded", .flag = &context.tell},
		{0}};
	sheaf_worker_options hooks = {.init = begin_worker, .exit = end_worker, .context = &context};
	sheaf_pool_options options = {.workers = example_options(argc, argv, known), .worker_options = &hooks};
	sheaf_pool *pool;
	int r;

	if (strlen(context.folder) >= sizeof(((struct job *)0)->folder)) {
		fprintf(stderr, "predict_groups: the folder's name is too long\n");
		return 1;
	}
	r = sheaf_pool_create(&pool, &options);
	if (!r) {
		if (!(r = predict_make_files(pool, rows, context.folder)) && !(r = predict_file(pool, context.folder)) &&
		    !(r = sheaf_pool_close(pool)))
			r = sheaf_pool_join(pool, SHEAF_FOREVER);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
