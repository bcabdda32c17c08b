/*
 * parzen_options.c - the command line of parzen: "--name value" or "--name=value".
 */
#include "parzen_options.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sheaf.h"

#define MOST_WIDTHS 10000000

static const char help[] = "Usage: parzen [OPTION...]\n"
			   "\n"
			   "Estimates the density of a set of samples at a point: for each width h, counts the\n"
			   "samples inside a cube of width h around the point. One task per width.\n"
			   "\n"
			   "  --data FILE               samples, one per line or row: CSV with or without a header\n"
			   "                            line, or .npy with dtype '<f8'\n"
			   "                            (default: 10,000 samples of the bivariate standard normal)\n"
			   "  --point X,Y,...           where to estimate, a coordinate per dimension (default: the origin)\n"
			   "  --widths FIRST:LAST:STEP  widths of the cube, both ends included (default: 0.1:1.2:0.1)\n"
			   "  --workers N               worker processes (default: one per usable CPU)\n"
			   "  --attempts N              runs of a task whose worker dies, before it fails (default: 3)\n"
			   "  --repeat N                run everything N times and compare; print once (default: 1)\n"
			   "  --csv                     print position,h,inside,published,density and nothing else\n"
			   "  --svg FILE                where to draw the chart of times\n"
			   "                            (default: parzen.svg; none with --csv)\n"
			   "  --help                    this text\n"
			   "\n"
			   "Examples:\n"
			   "  parzen\n"
			   "  parzen --csv --workers 4 --widths 0.5:2:0.25\n"
			   "  parzen --data samples.npy --point 0.5,-1,2 --widths 0.2:0.8:0.1\n"
			   "\n"
			   "Exit status: 0; 1 if the run failed or a repetition differed; 2 for bad options.\n";

static bool bad(const char *name, const char *value, const char *wanted)
{
	fprintf(stderr, "parzen: %s \"%s\": wanted is %s\n", name, value, wanted);
	return false;
}

/* Read a finite number from @text, up to the character @end. */
static bool read_number(const char **text, char end, double *number)
{
	char *after;

	*number = strtod(*text, &after);
	if (after == *text || *after != end || !isfinite(*number))
		return false;
	*text = after + (end != '\0');
	return true;
}

static bool read_count(const char *name, const char *value, unsigned long most, unsigned long *count)
{
	char wanted[64];
	char *after;

	errno = 0;
	*count = strtoul(value, &after, 10);
	/* strtoul() would accept a sign and spaces. */
	if (*value >= '0' && *value <= '9' && *after == '\0' && errno == 0 && *count >= 1 && *count <= most)
		return true;
	snprintf(wanted, sizeof(wanted), "a whole number from 1 to %lu", most);
	return bad(name, value, wanted);
}

static bool read_point(struct options *options, const char *value)
{
	static const char wanted[] = "numbers separated by commas, as in 0,0";
	const char *at = value;
	size_t size = 1;

	for (const char *comma = value; (comma = strchr(comma, ',')) != NULL; comma++)
		size++;
	free(options->point);
	options->point_size = size;
	options->point = calloc(size, sizeof(*options->point));
	if (options->point == NULL)
		return bad("--point", value, "a point that fits in memory");
	for (size_t i = 0; i < size; i++)
		if (!read_number(&at, i + 1 < size ? ',' : '\0', &options->point[i]))
			return bad("--point", value, wanted);
	return true;
}

/*
 * The nearest number of 15 digits: 0.1 + 2 * 0.1 becomes 0.3, as it is printed, and not
 * 0.30000000000000004.
 */
static double without_noise(double number)
{
	char digits[40];

	snprintf(digits, sizeof(digits), "%.15g", number);
	return strtod(digits, NULL);
}

static bool read_widths(struct options *options, const char *value)
{
	const char *at = value;
	double first, last, step, steps;
	size_t count;

	if (!read_number(&at, ':', &first) || !read_number(&at, ':', &last) || !read_number(&at, '\0', &step) || first <= 0 ||
	    last < first || step <= 0)
		return bad("--widths", value, "FIRST:LAST:STEP with 0 < FIRST <= LAST and 0 < STEP, as in 0.1:1.2:0.1");

	/*
	 * LAST counts as reached, even if rounding puts the quotient slightly below a whole number.
	 */
	steps = (last - first) / step;
	if (!(steps < MOST_WIDTHS - 1))
		return bad("--widths", value, "a STEP that gives less than 10000000 widths");
	count = (size_t)floor(steps + 1e-6) + 1;

	free(options->widths);
	options->width_count = count;
	options->widths = calloc(count, sizeof(*options->widths));
	if (options->widths == NULL)
		return bad("--widths", value, "a number of widths that fits in memory");
	for (size_t i = 0; i < count; i++)
		options->widths[i] = without_noise(first + (double)i * step);
	if (fabs(steps - (double)(count - 1)) < 1e-6)
		options->widths[count - 1] = last;
	return true;
}

/* Set the option @name to @value, which is NULL if the command line has none. */
static bool set_option(struct options *options, const char *name, const char *value)
{
	unsigned long count;

	if (value == NULL) {
		fprintf(stderr, "parzen: %s needs a value; see parzen --help\n", name);
		return false;
	}
	if (strcmp(name, "--data") == 0) {
		options->data = value;
		return true;
	}
	if (strcmp(name, "--svg") == 0) {
		options->svg = value;
		return true;
	}
	if (strcmp(name, "--point") == 0)
		return read_point(options, value);
	if (strcmp(name, "--widths") == 0)
		return read_widths(options, value);
	if (strcmp(name, "--repeat") == 0)
		return read_count(name, value, ULONG_MAX, &options->repeat);
	if (strcmp(name, "--workers") == 0) {
		if (!read_count(name, value, SHEAF_MAX_WORKERS, &count))
			return false;
		options->workers = (unsigned)count;
		return true;
	}
	if (!read_count(name, value, SHEAF_MAX_ATTEMPTS, &count))
		return false;
	options->attempts = (unsigned)count;
	return true;
}

enum options_outcome options_parse(struct options *options, int argc, char **argv)
{
	static const char *const with_value[] = {"--data",     "--point",  "--widths", "--workers",
						 "--attempts", "--repeat", "--svg"};
	static const size_t with_value_count = sizeof(with_value) / sizeof(with_value[0]);

	*options = (struct options){.repeat = 1};
	if (!read_widths(options, "0.1:1.2:0.1"))
		return OPTIONS_BAD;

	for (int i = 1; i < argc; i++) {
		size_t length = strcspn(argv[i], "=");
		size_t k = 0;
		const char *value;

		if (strcmp(argv[i], "--help") == 0) {
			fputs(help, stdout);
			return OPTIONS_HELP;
		}
		if (strcmp(argv[i], "--csv") == 0) {
			options->csv = true;
			continue;
		}
		while (k < with_value_count &&
		       (strlen(with_value[k]) != length || strncmp(argv[i], with_value[k], length) != 0))
			k++;
		if (k == with_value_count) {
			fprintf(stderr, "parzen: unknown option \"%s\"; see parzen --help\n", argv[i]);
			return OPTIONS_BAD;
		}
		if (argv[i][length] == '=')
			value = argv[i] + length + 1;
		else
			value = i + 1 < argc ? argv[++i] : NULL;
		if (!set_option(options, with_value[k], value))
			return OPTIONS_BAD;
	}
	return OPTIONS_READY;
}

void options_free(struct options *options)
{
	free(options->point);
	free(options->widths);
}
