/*
 * input.c - reads a file once. Every failure names the file.
 *
 * The file is read with read() and not mapped, because a mapped file that somebody shortens
 * meanwhile would raise SIGBUS.
 *
 * Waiting     Nothing is known of a file before it is open, so it is opened with O_NONBLOCK. Then a
 *             FIFO that nobody writes to, a file with a lease of another user, or a line without a
 *             carrier do not hold the caller. All waiting is done here, a moment at a time, with a
 *             check of deadline, interruption and pool after each.
 * FIFOs       A FIFO without a writer reads as if it had ended. poll() tells one whose writers have
 *             gone, which has ended, from one that has had none yet, which gets some time for one.
 * Input       Standard input stays as it is, because O_NONBLOCK would hold for all that have it
 *             open. So poll() comes before each read().
 * Terminals   With O_NOCTTY no terminal becomes that of a program that has none.
 */
#include "data/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/os.h"
#include "pool/pool.h"

#define MOMENT_MS 50
#define WRITER_WAIT_S 5

static int input_fail(const char *path, const char *action, int code)
{
	char reason[128];

	if (strerror_r(-code, reason, sizeof(reason)) != 0)
		reason[0] = '\0';
	return sheaf_fail(code, "%s: cannot %s: %s", path, action, reason);
}

/* ---- Waiting ---- */

/* Tell whether the call may wait on. 0; or the error that ends it. */
static int check_wait(const struct input *input)
{
	struct member *member = &input->pool->member;
	uint64_t now = sheaf_now_ns();
	int r = member_look(member, false);

	if (r < 0)
		return r;
	if (member_interrupted(member, input->heard) || (member->host_ends && member_ask(member)))
		return member_interrupt(member);
	if (input->deadline_ns > 0 && now >= input->deadline_ns)
		return sheaf_fail(-ETIME, "%s: the deadline passed after %ju bytes, with no end of the input", input->path,
				  (uintmax_t)input->received);
	if (input->unwritten && input->deadline_ns == 0 && now >= input->writer_ns)
		return sheaf_fail(-ENXIO,
				  "%s: nobody has opened this pipe for writing within %d seconds: start its writer first, or "
				  "set options.deadline_ns",
				  input->path, WRITER_WAIT_S);
	return 0;
}

/* Wait for a moment, or until there is something to read. 0; or the error that ends the call. */
static int await_moment(struct input *input)
{
	struct pollfd poll_fd = {.fd = input->fd, .events = POLLIN};
	int r = check_wait(input);

	if (r < 0)
		return r;
	/* If poll() fails, the next read() tells why. */
	if (poll(&poll_fd, 1, MOMENT_MS) > 0)
		input->unwritten = false;
	return 0;
}

/* Wait until a read() does not wait. 0; or the error that ends the call. */
static int await_given(struct input *input)
{
	struct pollfd poll_fd = {.fd = input->fd, .events = POLLIN};
	int r = 0;

	while (r == 0 && poll(&poll_fd, 1, 0) == 0)
		r = await_moment(input);
	return r;
}

/* ---- Opening ---- */

static int open_file(const struct input *input, int *fd)
{
	if (input->given) {
		*fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		return *fd < 0 ? input_fail(input->path, "open", -errno) : 0;
	}
	for (;;) {
		int r;

		*fd = open(input->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (*fd >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return input_fail(input->path, "open", -errno);
		/*
		 * A process has a lease. This attempt has told it, and the system ends the lease if
		 * it does not.
		 */
		r = check_wait(input);
		if (r < 0)
			return r;
		os_sleep_ns((uint64_t)MOMENT_MS * 1000000u);
	}
}

/* Open it, and see what it is. */
static int begin_input(struct input *input, sheaf_pool *pool, const char *path, uint64_t deadline_ns)
{
	struct stat stat;
	int r;

	*input = (struct input){.path = path,
				.pool = pool,
				.heard = member_heard(&pool->member),
				.deadline_ns = deadline_ns,
				.fd = -1,
				.given = strcmp(path, "-") == 0};
	r = open_file(input, &input->fd);
	if (r < 0)
		return r;
	if (fstat(input->fd, &stat) != 0)
		r = input_fail(path, "read", -errno);
	else if (S_ISDIR(stat.st_mode))
		r = sheaf_fail(-EISDIR, "%s: is a directory, not a data file", path);
	if (r < 0) {
		close(input->fd);
		return r;
	}
	input->regular = S_ISREG(stat.st_mode);
	input->size = input->regular ? (uint64_t)stat.st_size : 0;
	input->unwritten = S_ISFIFO(stat.st_mode) && !input->given;
	input->writer_ns = sheaf_now_ns() + WRITER_WAIT_S * UINT64_C(1000000000);
	input->left = UINT64_MAX;
	return 0;
}

/* Read the first bytes. They are delivered again. */
static int take_head(struct input *input)
{
	int r;

	input->head_taken = INPUT_HEAD;
	r = sheaf_input_read(input, input->head, INPUT_HEAD, &input->head_size);
	input->head_taken = 0;
	return r;
}

int sheaf_input_open(struct input *input, sheaf_pool *pool, const char *path, uint64_t deadline_ns)
{
	struct input opened;
	int r = begin_input(&opened, pool, path, deadline_ns);

	if (r < 0)
		return r;
	if ((r = take_head(&opened)) < 0)
		close(opened.fd);
	else
		*input = opened;
	return r;
}

int input_open_regular(struct input *input, sheaf_pool *pool, const char *path, const char *advice)
{
	struct input opened;
	int r = begin_input(&opened, pool, path, 0);

	if (r < 0)
		return r;
	if (!opened.regular)
		r = sheaf_fail(-ENOTSUP, "%s: is no regular file%s", path, advice);
	else
		r = take_head(&opened);
	if (r < 0)
		close(opened.fd);
	else
		*input = opened;
	return r;
}

void sheaf_input_close(struct input *input)
{
	close(input->fd);
}

int sheaf_input_enter(struct input *input, uint64_t at, uint64_t size)
{
	int r;

	if (lseek(input->fd, (off_t)at, SEEK_SET) < 0)
		return input_fail(input->path, "read", -errno);
	input->begin = at;
	input->size = input->left = size;
	input->ended = false;
	input->received = input->head_size = 0;
	input->head_taken = INPUT_HEAD;
	r = sheaf_input_read(input, input->head, INPUT_HEAD, &input->head_size);
	input->head_taken = 0;
	return r;
}

bool input_is_archive(const struct input *input)
{
	return input->regular && input->head_size >= 4 &&
	       (memcmp(input->head, "PK\3\4", 4) == 0 || memcmp(input->head, "PK\5\6", 4) == 0);
}

/* ---- Reading ---- */

int sheaf_input_read_some(struct input *input, void *buffer, size_t size, size_t *count)
{
	size_t filled = 0;

	while (filled < size && input->head_taken < input->head_size)
		((unsigned char *)buffer)[filled++] = input->head[input->head_taken++];

	while (filled == 0 && size > 0 && !input->ended) {
		ssize_t got;
		int r;

		if (input->given) {
			r = await_given(input);
			if (r < 0)
				return r;
		}
		got = read(input->fd, buffer, size < input->left ? size : (size_t)input->left);
		if (got > 0) {
			filled = (size_t)got;
			input->received += filled;
			input->left -= input->left == UINT64_MAX ? 0 : filled;
			input->unwritten = false;
			break;
		}
		if (got == 0 && !input->unwritten) {
			input->ended = true;
			break;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return input_fail(input->path, "read", -errno);
		/* "Not now" means that there is a writer. */
		if (got < 0)
			input->unwritten = false;
		r = await_moment(input);
		if (r < 0)
			return r;
	}
	*count = filled;
	return 0;
}

int sheaf_input_read(struct input *input, void *buffer, size_t size, size_t *count)
{
	size_t filled = 0;
	size_t got = 1;

	while (filled < size && got > 0) {
		int r = sheaf_input_read_some(input, (char *)buffer + filled, size - filled, &got);

		if (r < 0)
			return r;
		filled += got;
	}
	*count = filled;
	return 0;
}
