/*
 * bar.c - a thread that shows how far a batch is.
 *
 * The thread asks, draws, and sleeps until the next time, or until sheaf_bar_end() wakes it. Only
 * it writes. It writes a line by one call, so that others who write to the terminal do not get into
 * the middle of it.
 */
#include "bar/bar.h"

#include "bar/line.h"
#include "base/error.h"
#include "base/printable.h"
#include "os/forks.h"
#include "os/os.h"
#include "os/terminal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARE 50u /* of the time, for asking */
#define USUAL_WIDTH 80u

struct sheaf_bar {
	sheaf_pool *pool;
	sheaf_batch *batch;
	struct line line;
	struct bar_times times;
	uint64_t total; /* as the options say */
	uint64_t began_ns, deaths;
	sheaf_pace pace;
	int fd;
	bool terminal;
	bool shown; /* the terminal has a line; elsewhere, a line was written */
	unsigned process;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t news;
	bool over; /* guarded by the lock */
};

static void write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno != EINTR)
			return;
		text += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
}

/* Ask how far the batch is. False: the batch or its pool has ended. */
static bool ask(sheaf_bar *bar, uint64_t now)
{
	sheaf_progress progress;
	sheaf_pool_info info;

	if (sheaf_batch_get_progress(bar->batch, &progress))
		return false;
	bar->line.done = progress.done;
	bar->line.failed = progress.failed;
	bar->line.total = bar->total ? bar->total : progress.total;
	if (!sheaf_pool_get_info(bar->pool, &info))
		bar->line.deaths = info.deaths - bar->deaths;
	sheaf_pace_tell(&bar->pace, now, progress.done);
	bar->line.rate = sheaf_pace_rate(&bar->pace);
	bar->line.left = sheaf_pace_left(&bar->pace, bar->line.total);
	bar->line.elapsed = (double)(now - bar->began_ns) / 1e9;
	return true;
}

/* In the background a line would get into what another program shows. */
static bool in_foreground(const sheaf_bar *bar)
{
	pid_t group = tcgetpgrp(bar->fd);

	return group < 0 || group == getpgrp();
}

static void draw(sheaf_bar *bar)
{
	static const char rest[] = "\033[K"; /* erase what is left of the line before */
	unsigned width = os_terminal_width(bar->fd);
	char text[1 + LINE_MOST + sizeof(rest)];

	if (!in_foreground(bar))
		return;
	text[0] = '\r';
	line_fit(&bar->line, !width ? USUAL_WIDTH : width < LINE_MOST ? width : LINE_MOST - 1, text + 1);
	strcat(text, rest);
	write_all(bar->fd, text, strlen(text));
	bar->shown = true;
}

static void write_line(sheaf_bar *bar)
{
	char text[LINE_MOST + 1];

	line_plain(&bar->line, text);
	strcat(text, "\n");
	write_all(bar->fd, text, strlen(text));
	bar->shown = true;
}

/* Sleep until then. True: the bar is to end. */
static bool nap_until(sheaf_bar *bar, uint64_t ns)
{
	struct timespec until = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
	bool over;
	int r = 0;

	pthread_mutex_lock(&bar->lock);
	while (!bar->over && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&bar->news, &bar->lock, &until);
	over = bar->over;
	pthread_mutex_unlock(&bar->lock);
	return over;
}

static void *show(void *context)
{
	sheaf_bar *bar = context;
	const struct bar_times *times = &bar->times;
	uint64_t next_ask = bar->began_ns + times->draw_ns,
		 next_draw = bar->began_ns + (bar->terminal ? times->first_ns : times->plain_ns);

	os_name_process("sheaf bar");
	while (!nap_until(bar, next_ask)) {
		uint64_t now = sheaf_now_ns(), took;

		if (!ask(bar, now))
			break;
		took = sheaf_now_ns() - now;
		if (now >= next_draw) {
			if (bar->terminal)
				draw(bar);
			else
				write_line(bar);
			next_draw = now + (bar->terminal ? times->draw_ns : times->plain_ns);
		}
		next_ask = now + (took * SHARE > times->draw_ns ? took * SHARE : times->draw_ns);
	}
	return NULL;
}

static int init_waiting(sheaf_bar *bar)
{
	pthread_condattr_t by_clock;
	int r = pthread_condattr_init(&by_clock);

	if (r)
		return -r;
	pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
	r = pthread_cond_init(&bar->news, &by_clock);
	pthread_condattr_destroy(&by_clock);
	if (!r)
		r = pthread_mutex_init(&bar->lock, NULL);
	return -r;
}

/* Start the thread, which no signal of the host may interrupt or stop at a write. */
static int start_thread(sheaf_bar *bar)
{
	sigset_t before;
	int r;

	os_block_all_signals(&before);
	r = pthread_create(&bar->thread, NULL, show, bar);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void set_up_bar(sheaf_bar *bar, const sheaf_bar_options *options)
{
	const char *label = options->label ? options->label : "tasks", *term = os_environment("TERM");

	printable(bar->line.label, sizeof(bar->line.label), label, strlen(label));
	bar->total = options->total;
	bar->fd = options->fd ? options->fd : STDERR_FILENO;
	bar->terminal = isatty(bar->fd) && !(term && !strcmp(term, "dumb"));
	bar->began_ns = sheaf_now_ns();
	bar->process = forks_count();
	sheaf_pace_begin(&bar->pace, bar->began_ns);
}

int bar_start(sheaf_bar **bar, sheaf_pool *pool, sheaf_batch *batch, const sheaf_bar_options *options,
	      const struct bar_times *times)
{
	sheaf_progress progress;
	sheaf_pool_info info;
	sheaf_bar *b;
	int r;

	if (!bar)
		return sheaf_fail(-EINVAL, "sheaf_bar_start: bar is NULL");
	*bar = NULL;
	if (!pool || !batch)
		return sheaf_fail(-EINVAL, "sheaf_bar_start: %s is NULL", pool ? "batch" : "pool");
	if ((r = sheaf_pool_get_info(pool, &info)) || (r = sheaf_batch_get_progress(batch, &progress)))
		return r;
	if (!(b = calloc(1, sizeof(*b))))
		return sheaf_fail(-ENOMEM, "sheaf_bar_start: no memory");
	b->pool = pool;
	b->batch = batch;
	b->times = *times;
	b->deaths = info.deaths;
	set_up_bar(b, options ? options : &(sheaf_bar_options){0});
	if ((r = init_waiting(b)) || (r = start_thread(b))) {
		free(b);
		return sheaf_fail(r, "sheaf_bar_start: no thread: errno %d", -r);
	}
	*bar = b;
	return 0;
}

int sheaf_bar_start(sheaf_bar **bar, sheaf_pool *pool, sheaf_batch *batch, const sheaf_bar_options *options)
{
	static const struct bar_times times = {.first_ns = 2000000000, .draw_ns = 200000000, .plain_ns = UINT64_C(10000000000)};

	return bar_start(bar, pool, batch, options, &times);
}

void sheaf_bar_end(sheaf_bar *bar)
{
	uint64_t now;

	if (!bar)
		return;
	/* A child that the host has forked has no such thread, and the terminal is the parent's. */
	if (bar->process != forks_count()) {
		free(bar);
		return;
	}
	pthread_mutex_lock(&bar->lock);
	bar->over = true;
	pthread_cond_signal(&bar->news);
	pthread_mutex_unlock(&bar->lock);
	pthread_join(bar->thread, NULL);
	now = sheaf_now_ns();
	if (bar->shown && bar->terminal)
		write_all(bar->fd, "\r\033[K", 4);
	else if (bar->shown && ask(bar, now))
		write_line(bar);
	pthread_cond_destroy(&bar->news);
	pthread_mutex_destroy(&bar->lock);
	free(bar);
}
