/*
 * test_bar.c - how far a batch is: the estimates, by runs that record_runs.c has recorded; the line
 * at every width; and what is written to a terminal and elsewhere.
 */
#define _GNU_SOURCE
#include "pools.h"

#include "bar/bar.h"
#include "bar/line.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

TestSuite(bar, .init = begin, .fini = end);

/* ---- estimates ---- */

#define MOST_SAMPLES 400

struct recorded {
	unsigned total, count;
	double ms[MOST_SAMPLES], done[MOST_SAMPLES];
};

static void read_run(const char *name, struct recorded *run)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.csv", RUNS, name);
	file = fopen(path, "r");
	cr_assert_not_null(file, "%s", path);
	cr_assert_eq(fscanf(file, "%u", &run->total), 1);
	for (run->count = 0; run->count < MOST_SAMPLES; run->count++)
		if (fscanf(file, "%lf,%lf", &run->ms[run->count], &run->done[run->count]) != 2)
			break;
	fclose(file);
	cr_assert(run->count > 20 && run->done[run->count - 1] == run->total, "%s: %u samples", name, run->count);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* By how much of the whole time the estimates are wrong, in the middle of all samples. */
static double median_error(const char *name)
{
	static struct recorded run;
	double errors[MOST_SAMPLES], end_ms;
	unsigned count = 0;
	sheaf_pace pace;

	read_run(name, &run);
	end_ms = run.ms[run.count - 1];
	sheaf_pace_begin(&pace, 1000);
	for (unsigned i = 0; i < run.count; i++) {
		sheaf_pace_tell(&pace, 1000 + (uint64_t)(run.ms[i] * 1e6), (uint64_t)run.done[i]);
		/* There is no estimate worth the name before a tenth of the time. */
		if (run.ms[i] > end_ms / 10 && run.done[i] > 0) {
			double left = sheaf_pace_left(&pace, run.total) * 1e3;

			cr_assert(left >= 0 && left < 20 * end_ms, "%s after %.0f ms: %g ms left", name, run.ms[i], left);
			errors[count++] = fabs(left - (end_ms - run.ms[i])) / end_ms;
		}
	}
	qsort(errors, count, sizeof(errors[0]), compare);
	return errors[count / 2];
}

Test(bar, estimates_of_recorded_runs_are_near)
{
	static const struct {
		const char *name;
		double bound;
	} runs[] = {{"equal", 0.02}, {"heavy", 0.1}, {"rising", 0.2}, {"slow_half", 0.05}, {"paused", 0.25}, {"few", 0.3}};

	for (unsigned i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		double error = median_error(runs[i].name);

		cr_assert(error <= runs[i].bound, "%s: %.3f of the time", runs[i].name, error);
	}
}

Test(bar, estimates_begin_with_nothing_and_end_with_zero)
{
	sheaf_pace pace;

	sheaf_pace_begin(&pace, 5);
	cr_assert_eq(sheaf_pace_rate(&pace), 0);
	cr_assert_lt(sheaf_pace_left(&pace, 10), 0);
	cr_assert_eq(sheaf_pace_left(&pace, 0), 0);
	sheaf_pace_tell(&pace, 5 + 1000000000, 0);
	cr_assert_lt(sheaf_pace_left(&pace, 10), 0, "nothing is done");
	sheaf_pace_tell(&pace, 5 + 2000000000, 10);
	cr_assert_lt(fabs(sheaf_pace_rate(&pace) - 5), 1e-9);
	cr_assert_lt(fabs(sheaf_pace_left(&pace, 30) - 4), 1e-9);
	/* What falls counts as before. */
	sheaf_pace_tell(&pace, 7, 3);
	cr_assert_lt(fabs(sheaf_pace_left(&pace, 30) - 4), 1e-9);
	cr_assert_eq(sheaf_pace_left(&pace, 10), 0);
}

Test(bar, estimates_need_no_more_memory_in_a_long_run)
{
	sheaf_pace pace;
	uint64_t now = 0;

	sheaf_pace_begin(&pace, now);
	/* A day, at 100 a second, asked each tenth of a second. */
	for (uint64_t i = 1; i <= 864000; i++)
		sheaf_pace_tell(&pace, now += 100000000, i * 10);
	cr_assert_lt(fabs(sheaf_pace_rate(&pace) - 100), 1e-6);
	/* A change counts fully once it has lasted as long as all before. */
	for (uint64_t i = 1; i <= 864000; i++)
		sheaf_pace_tell(&pace, now += 100000000, 8640000 + i * 5);
	cr_assert_lt(fabs(sheaf_pace_rate(&pace) - 50), 3);
}

/* ---- the line ---- */

Test(bar, a_line_fits_every_width)
{
	const struct line line = {.label = "fichiers trait\xc3\xa9s",
				  .done = 123456,
				  .total = 7654321,
				  .failed = 12,
				  .deaths = 3,
				  .rate = 1234.5,
				  .left = 3725};
	char text[LINE_MOST];

	for (unsigned width = 1; width < 300; width++) {
		unsigned columns = 0;

		line_fit(&line, width, text);
		for (const char *c = text; *c; c++)
			columns += ((unsigned char)*c & 0xc0) != 0x80;
		cr_assert_lt(columns, width, "%u columns of %u: %s", columns, width, text);
		if (width > 20)
			cr_assert(strstr(text, "123456/7654321"), "%u: %s", width, text);
	}
	line_fit(&line, 120, text);
	cr_assert_str_eq(text, "fichiers trait\xc3\xa9s  123456/7654321  [>                                    ]  1 %  1234/s  "
			       "1:02:05 left  12 "
			       "failed  3 died");
	line_fit(&line, 62, text);
	cr_assert(strstr(text, "12 failed") && strstr(text, "1:02:05 left") && !strstr(text, "["), "%s", text);
}

Test(bar, a_line_says_only_what_is_known)
{
	char text[LINE_MOST];

	line_fit(&(struct line){.label = "tasks", .done = 5, .left = -1}, 80, text);
	cr_assert_str_eq(text, "tasks  5");
	line_fit(&(struct line){.label = "tasks", .done = 10, .total = 10, .rate = 0.25, .left = 0}, 60, text);
	cr_assert_str_eq(text, "tasks  10/10  [============================]  100 %  0.25/s");
	line_plain(&(struct line){.label = "tasks", .done = 5, .total = 10, .rate = 1, .left = 5, .elapsed = 5}, text);
	cr_assert_str_eq(text, "tasks  5/10  50 %  1/s  0:05 left  after 0:05");
}

Test(bar, a_time_is_as_people_read_it)
{
	static const struct {
		double seconds;
		const char *text;
	} times[] = {{0, "0:00"},
		     {7.4, "0:07"},
		     {205, "3:25"},
		     {3729, "1:02:09"},
		     {356400, "4 d 03 h"},
		     {-3, "0:00"},
		     {(double)NAN, "11574 d 01 h"},
		     {1e300, "11574 d 01 h"}};
	char text[32];

	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		line_time(times[i].seconds, text, sizeof(text));
		cr_assert_str_eq(text, times[i].text, "%g: %s", times[i].seconds, text);
	}
}

/* ---- what is written ---- */

static const struct bar_times soon = {.first_ns = 40000000, .draw_ns = 10000000, .plain_ns = 50000000};

static int work(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);

	(void)arg, (void)result;
	usleep(10000);
	return position % 10 == 3 ? sheaf_task_fail(task, -EIO, "no") : 0;
}

/* Run @n tasks with a bar that writes to @fd. */
static void run_with_bar(int fd, unsigned n, const struct bar_times *times)
{
	const sheaf_bar_options options = {.label = "pictures\n", .fd = fd};
	const sheaf_result *results;
	sheaf_batch *batch;
	sheaf_bar *bar;
	size_t count;

	start_workers(1);
	cr_assert_eq(sheaf_batch_create(&batch, pool, NULL), 0);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(sheaf_submit(batch, i, work, NULL, 0), 0);
	cr_assert_eq(times ? bar_start(&bar, pool, batch, &options, times) : sheaf_bar_start(&bar, pool, batch, &options), 0,
		     "%s", sheaf_message());
	cr_assert_geq(sheaf_gather(batch, &results, &count, hang_deadline()), 0, "%s", sheaf_message());
	sheaf_bar_end(bar);
	sheaf_batch_retire(batch);
}

/* All that can be read now. */
static void read_all(int fd, char *text, size_t size)
{
	struct pollfd news = {.fd = fd, .events = POLLIN};
	size_t length = 0;

	while (length + 1 < size && poll(&news, 1, 100) > 0 && news.revents & POLLIN) {
		ssize_t n = read(fd, text + length, size - 1 - length);

		if (n <= 0)
			break;
		length += (size_t)n;
	}
	text[length] = 0;
}

static char text[1 << 16];

Test(bar, plain_lines_are_written_where_there_is_no_terminal)
{
	int ends[2], lines = 0;

	cr_assert_eq(pipe(ends), 0);
	run_with_bar(ends[1], 40, &soon);
	read_all(ends[0], text, sizeof(text));
	for (const char *c = text; *c; c++) {
		lines += *c == '\n';
		cr_assert(*c != '\r' && *c != '\033', "%s", text);
	}
	cr_assert_geq(lines, 2, "%s", text);
	cr_assert_eq(strncmp(text, "pictures\\n  ", 12), 0, "%s", text);
	cr_assert(strstr(text, "40/40  100 %") && strstr(text, "4 failed") && strstr(text, "  after 0:0"), "%s", text);
	close(ends[0]);
	close(ends[1]);
}

Test(bar, short_work_shows_nothing)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	run_with_bar(ends[1], 20, NULL);
	read_all(ends[0], text, sizeof(text));
	cr_assert_str_eq(text, "");
	close(ends[0]);
	close(ends[1]);
}

/* A terminal of 50 columns. Returns the end of who looks at it. */
static int open_terminal(int *terminal)
{
	struct winsize size = {.ws_row = 24, .ws_col = 50};
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || (*terminal = open(ptsname(fd), O_RDWR | O_NOCTTY)) < 0)
		skip("there are no terminals here");
	cr_assert_eq(ioctl(*terminal, TIOCSWINSZ, &size), 0);
	return fd;
}

Test(bar, a_terminal_has_one_line_that_goes)
{
	int terminal, lines = 0, looker = open_terminal(&terminal);
	const char *drawn = text;
	size_t length;

	setenv("COLUMNS", "50", 1);
	setenv("TERM", "xterm", 1);
	run_with_bar(terminal, 40, &soon);
	read_all(looker, text, sizeof(text));
	length = strlen(text);
	cr_assert(length > 4 && !strcmp(text + length - 4, "\r\033[K"), "it is not taken away: %s", text);
	cr_assert_null(strchr(text, '\n'));
	/* Each drawing begins at the left, and has less than 50 columns. */
	while ((drawn = strchr(drawn, '\r'))) {
		const char *erase = strstr(drawn, "\033[K");

		cr_assert_not_null(erase);
		cr_assert_lt(erase - drawn - 1, 50);
		drawn = erase;
		lines++;
	}
	cr_assert_geq(lines, 3);
	cr_assert(strstr(text, "/40"), "%s", text);
	close(terminal);
	close(looker);
}

Test(bar, a_dumb_terminal_gets_plain_lines)
{
	int terminal, looker = open_terminal(&terminal);

	setenv("TERM", "dumb", 1);
	run_with_bar(terminal, 20, &soon);
	read_all(looker, text, sizeof(text));
	cr_assert(strstr(text, "20/20") && !strchr(text, '\033'), "%s", text);
	close(terminal);
	close(looker);
}

Test(bar, failures_and_deaths_are_counted)
{
	sheaf_progress progress;
	sheaf_batch *batch;
	const sheaf_result *results;
	size_t count;

	start_workers(1);
	cr_assert_eq(sheaf_batch_create(&batch, pool, NULL), 0);
	for (unsigned i = 0; i < 14; i++)
		cr_assert_eq(sheaf_submit(batch, i, work, NULL, 0), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &count, hang_deadline()), 2);
	cr_assert_eq(sheaf_batch_get_progress(batch, &progress), 0);
	cr_assert_eq(progress.done, 14);
	cr_assert_eq(progress.failed, 2);
	sheaf_batch_retire(batch);
	/* A map. */
	cr_assert_eq(sheaf_batch_create(&batch, pool, NULL), 0);
	cr_assert_eq(sheaf_submit_map(batch, work, NULL, 0, NULL, 0, 24, NULL), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &count, hang_deadline()), 3);
	cr_assert_eq(sheaf_batch_get_progress(batch, &progress), 0);
	cr_assert_eq(progress.done, 24);
	cr_assert_eq(progress.failed, 3);
	sheaf_batch_retire(batch);
}

Test(bar, a_batch_that_is_none_is_refused)
{
	sheaf_bar *bar = (sheaf_bar *)text;

	start_workers(1);
	cr_assert_eq(sheaf_bar_start(NULL, pool, NULL, NULL), -EINVAL);
	cr_assert_str_eq(sheaf_message(), "sheaf_bar_start: bar is NULL");
	cr_assert_eq(sheaf_bar_start(&bar, pool, NULL, NULL), -EINVAL);
	cr_assert_str_eq(sheaf_message(), "sheaf_bar_start: batch is NULL");
	cr_assert_null(bar);
	cr_assert_eq(sheaf_bar_start(&bar, NULL, NULL, NULL), -EINVAL);
	sheaf_bar_end(bar);
}
