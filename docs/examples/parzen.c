/*
 * parzen.c - a density estimate with a Parzen window, one task per width of the window.
 *
 * Counts the samples inside of a cube of width h around a point, and divides by their number and by
 * the cube's volume. The samples lie in shared memory once; each task gets their address and a
 * width, and its count comes back at the width's position.
 */
#include "parzen.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/mt19937.h"

#define OWN_SAMPLES 10000
#define OWN_COLUMNS 2
#define OWN_SEED 123
#define PI 3.14159265358979323846
#define POLL_NS 200000000u

/* ---- The work of one task ---- */

/* The argument: a few bytes that are copied. The pointers lead into shared memory. */
struct cube {
	const double *samples;
	size_t rows;
	size_t columns;
	const double *center;
	double width;
};

static struct cube make_cube(const struct study *study, double width)
{
	return (struct cube){
		.samples = study->samples.data,
		.rows = study->samples.shape[0],
		.columns = study->samples.shape[1],
		.center = study->point,
		.width = width,
	};
}

static uint64_t count_inside(const struct cube *cube)
{
	const double *sample = cube->samples;
	uint64_t inside = 0;

	for (size_t i = 0; i < cube->rows; i++, sample += cube->columns) {
		size_t j = 0;

		while (j < cube->columns && fabs(sample[j] - cube->center[j]) <= cube->width / 2)
			j++;
		inside += j == cube->columns;
	}
	return inside;
}

static int count_task(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	*(uint64_t *)result = count_inside(arg);
	return 0;
}

/* ---- All tasks ---- */

static int run_failed(const char *action)
{
	fprintf(stderr, "parzen: cannot %s: %s\n", action, sheaf_message());
	return EXIT_RUN_FAILED;
}

void count_serially(const struct study *study, const double *widths, size_t count, uint64_t *inside)
{
	for (size_t i = 0; i < count; i++) {
		struct cube cube = make_cube(study, widths[i]);

		inside[i] = count_inside(&cube);
	}
}

static int report_failures(const sheaf_result *results, size_t count, int failed, const double *widths)
{
	size_t i = 0;

	while (i < count && results[i].status == 0)
		i++;
	fprintf(stderr, "parzen: %d of %zu tasks failed; the first at position %" PRIu64 " (h = %.12g) after %u attempts: %s\n",
		failed, count, results[i].position, widths[results[i].position], results[i].attempts, results[i].message);
	return EXIT_RUN_FAILED;
}

int count_in_pool(const struct study *study, const double *widths, size_t count, uint64_t *inside, struct progress *progress,
		  uint64_t before, uint64_t total)
{
	const sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t gathered;
	int status = 0;
	int r;

	if (sheaf_batch_create(&batch, study->pool, &options) < 0)
		return run_failed("open a batch");

	for (size_t i = 0; i < count; i++) {
		struct cube cube = make_cube(study, widths[i]);

		if (sheaf_submit(batch, i, count_task, &cube, sizeof(cube)) < 0) {
			status = run_failed("submit a task");
			goto retire;
		}
		progress_show(progress, "counting: width", before + i, total);
	}

	/* Wake up now and then, only to show the progress. */
	do {
		sheaf_progress so_far = {0};

		r = sheaf_gather(batch, &results, &gathered, progress->wanted ? sheaf_now_ns() + POLL_NS : SHEAF_FOREVER);
		if (r == -ETIMEDOUT && sheaf_batch_get_progress(batch, &so_far) == 0)
			progress_show(progress, "counting: width", before + so_far.done, total);
	} while (r == -ETIMEDOUT);
	if (r < 0)
		status = run_failed("gather the results");
	else if (r > 0)
		status = report_failures(results, gathered, r, widths);
	else
		for (size_t i = 0; i < gathered; i++)
			inside[results[i].position] = *(const uint64_t *)results[i].data;
retire:
	sheaf_batch_retire(batch);
	return status;
}

/* ---- The samples and the point ---- */

/* The published data set: 10,000 samples of the bivariate standard normal. */
static int make_samples(struct study *study)
{
	struct mt19937 generator;
	const size_t shape[] = {OWN_SAMPLES, OWN_COLUMNS};
	double *values;

	if (sheaf_array_create(&study->samples, study->pool, SHEAF_F64, 0, 2, shape) < 0)
		return run_failed("make the samples");
	values = study->samples.data;
	mt19937_seed(&generator, OWN_SEED);
	for (size_t i = 0; i < OWN_SAMPLES * OWN_COLUMNS; i++)
		values[i] = mt19937_gauss(&generator);
	return 0;
}

/* Make rows of doubles of what a file has: another type, another order, or one dimension. */
static int convert_samples(struct study *study, const sheaf_array *loaded)
{
	const size_t shape[] = {loaded->shape[0], loaded->dimensions > 1 ? loaded->shape[1] : 1};
	sheaf_array rows = *loaded;

	if (loaded->dimensions == 1) {
		rows.dimensions = 2;
		rows.shape[1] = 1;
		rows.strides[1] = (ptrdiff_t)rows.item_size;
	}
	if (rows.type == SHEAF_F64 && sheaf_array_is_contiguous(&rows)) {
		study->samples = rows;
		return 0;
	}
	if (sheaf_array_create(&study->samples, study->pool, SHEAF_F64, 0, 2, shape) < 0 ||
	    sheaf_array_copy(study->pool, &study->samples, &rows, SHEAF_CHECKED, NULL) < 0)
		return run_failed("convert the samples");
	return 0;
}

static int load_samples(struct study *study, const char *path)
{
	sheaf_array loaded;

	if (sheaf_array_load(&loaded, study->pool, path, NULL) < 0) {
		fprintf(stderr, "parzen: %s\n", sheaf_message());
		return EXIT_RUN_FAILED;
	}
	if (loaded.dimensions < 1 || loaded.dimensions > 2) {
		fprintf(stderr, "parzen: %s: has %u dimensions; wanted are 1 or 2\n", path, loaded.dimensions);
		return EXIT_RUN_FAILED;
	}
	if (sheaf_array_count(&loaded) == 0) {
		fprintf(stderr, "parzen: %s: holds no samples\n", path);
		return EXIT_RUN_FAILED;
	}
	return convert_samples(study, &loaded);
}

static int place_point(struct study *study, const struct options *options)
{
	void *memory;

	if (options->point != NULL && options->point_size != study->samples.shape[1]) {
		fprintf(stderr, "parzen: --point has %zu coordinates, but the samples have %zu: wanted is one for each\n",
			options->point_size, study->samples.shape[1]);
		return EXIT_BAD_OPTION;
	}
	/* Zeroed, so it is the origin already. */
	if (sheaf_alloc_array(study->pool, study->samples.shape[1], sizeof(double), &memory) < 0)
		return run_failed("place the point");
	study->point = memory;
	if (options->point != NULL)
		memcpy(study->point, options->point, options->point_size * sizeof(double));
	return 0;
}

int study_open(struct study *study, const struct options *options, unsigned workers)
{
	const sheaf_pool_options pool_options = {.workers = workers, .max_attempts = options->attempts};
	int status;

	*study = (struct study){0};
	if (sheaf_pool_create(&study->pool, &pool_options) < 0)
		return run_failed("start the workers");

	status = options->data != NULL ? load_samples(study, options->data) : make_samples(study);
	if (status == 0)
		status = place_point(study, options);
	if (status != 0)
		study_close(study);
	return status;
}

void study_close(struct study *study)
{
	/* This also frees its memory. */
	sheaf_pool_destroy(study->pool);
}

/* ---- The estimate ---- */

/* The divisor of the publication, which used h as the cube's volume in every dimension. */
static double published(uint64_t inside, size_t rows, double width)
{
	return (double)inside / (double)rows / width;
}

static double density(uint64_t inside, size_t rows, double width, size_t columns)
{
	/* In many dimensions the volume may be too small for a double. */
	return inside == 0 ? 0 : (double)inside / (double)rows / pow(width, (double)columns);
}

static void print_csv(const struct study *study, const struct options *options, const uint64_t *inside)
{
	puts("position,h,inside,published,density");
	for (size_t i = 0; i < options->width_count; i++)
		printf("%zu,%.12g,%" PRIu64 ",%.12g,%.12g\n", i, options->widths[i], inside[i],
		       published(inside[i], study->samples.shape[0], options->widths[i]),
		       density(inside[i], study->samples.shape[0], options->widths[i], study->samples.shape[1]));
}

static void print_table(const struct study *study, const struct options *options, const uint64_t *inside)
{
	const sheaf_array *samples = &study->samples;

	printf("Parzen-window estimate at (");
	for (size_t j = 0; j < samples->shape[1]; j++)
		printf("%s%.12g", j > 0 ? ", " : "", study->point[j]);
	printf(")\nfrom %zu samples in %zu dimension%s: %s\n\n", samples->shape[0], samples->shape[1],
	       samples->shape[1] == 1 ? "" : "s",
	       options->data != NULL ? options->data : "the published data set, a bivariate standard normal");

	printf("position       h    inside        published          density\n");
	for (size_t i = 0; i < options->width_count; i++)
		printf("%8zu  %6.12g  %8" PRIu64 "  %15.12g  %15.12g\n", i, options->widths[i], inside[i],
		       published(inside[i], samples->shape[0], options->widths[i]),
		       density(inside[i], samples->shape[0], options->widths[i], samples->shape[1]));

	printf("\npublished  inside / (n * h): the publication divided by h, not by the cube's volume h^%zu\n"
	       "density    inside / (n * h^%zu): the right estimate\n",
	       samples->shape[1], samples->shape[1]);
	if (options->data == NULL) {
		double square = study->point[0] * study->point[0] + study->point[1] * study->point[1];

		printf("           the true density at this point is %.12f\n", exp(-square / 2) / (2 * PI));
	}
	putchar('\n');
}

/* Count as often as the options ask for. Every repetition must give the same counts. */
static int count_repeatedly(const struct study *study, const struct options *options, uint64_t *inside, uint64_t *again,
			    struct progress *progress)
{
	size_t count = options->width_count;
	uint64_t total = options->repeat < UINT64_MAX / count ? options->repeat * count : UINT64_MAX;
	int status = count_in_pool(study, options->widths, count, inside, progress, 0, total);

	for (unsigned long k = 1; status == 0 && k < options->repeat; k++) {
		status = count_in_pool(study, options->widths, count, again, progress, k * count, total);
		for (size_t i = 0; status == 0 && i < count; i++) {
			if (again[i] != inside[i]) {
				fprintf(stderr,
					"parzen: repetition %lu counted %" PRIu64
					" samples at position %zu, the first one %" PRIu64 "\n",
					k + 1, again[i], i, inside[i]);
				status = EXIT_RUN_FAILED;
			}
		}
	}
	return status;
}

static int estimate(const struct options *options, struct progress *progress)
{
	uint64_t *inside = calloc(options->width_count, sizeof(*inside));
	uint64_t *again = calloc(options->width_count, sizeof(*again));
	struct study study;
	int status = EXIT_RUN_FAILED;

	if (inside == NULL || again == NULL) {
		fprintf(stderr, "parzen: no memory for %zu counts\n", options->width_count);
		goto free;
	}
	status = study_open(&study, options, options->workers);
	if (status != 0)
		goto free;
	status = count_repeatedly(&study, options, inside, again, progress);
	progress_end(progress);
	if (status == 0) {
		if (options->csv)
			print_csv(&study, options, inside);
		else
			print_table(&study, options, inside);
	}
	study_close(&study);
free:
	free(inside);
	free(again);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	struct progress progress;
	int status = 0;

	/*
	 * The chart reads from it which characters the terminal can show. Numbers keep their
	 * decimal point.
	 */
	setlocale(LC_CTYPE, "");

	switch (options_parse(&options, argc, argv)) {
	case OPTIONS_BAD:
		status = EXIT_BAD_OPTION;
		break;
	case OPTIONS_HELP:
		break;
	case OPTIONS_READY:
		progress_start(&progress);
		status = estimate(&options, &progress);
		if (status == 0 && (!options.csv || options.svg != NULL))
			status = time_workers(&options, options.svg != NULL ? options.svg : "parzen.svg", &progress);
		progress_end(&progress);
		break;
	}
	options_free(&options);

	if (fflush(stdout) != 0) {
		fprintf(stderr, "parzen: cannot write to standard output: %s\n", strerror(errno));
		status = EXIT_RUN_FAILED;
	}
	return status;
}
