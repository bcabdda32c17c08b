/*
 * serve_and_gather.c - a server whose one poll() loop waits for sockets and for results: each
 * client sends a number, a task counts the primes below it, and the client gets the answer.
 *
 * The clients are children of this program, so that it can show itself.
 *
 * Run: build/docs/examples/serve_and_gather [--workers N] [--clients N]
 */
#include "support/example.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64 /* clients */

struct server {
	sheaf_pool *pool;
	sheaf_batch *batch; /* a task for each client; its position is the place below */
	struct pollfd polled[2 + MOST];
	unsigned clients, connected, served;
};

enum { NEWS = 0, LISTENER = 1, FIRST = 2 }; /* places in polled */

/* The work: slow enough to keep other clients waiting if the server did it itself. */
static int count_primes(sheaf_task *task, const void *arg, void *result)
{
	uint64_t below = *(const uint64_t *)arg, count = 0;

	(void)task;
	for (uint64_t n = 2, d; n < below; n++) {
		for (d = 2; d * d <= n && n % d; d++)
			continue;
		count += d * d > n;
	}
	*(uint64_t *)result = count;
	return 0;
}

/* ---- the server ---- */

static int accept_client(struct server *server)
{
	int fd = accept(server->polled[LISTENER].fd, NULL, NULL);

	if (fd < 0)
		return errno == EINTR ? 0 : -errno;
	server->polled[FIRST + server->connected++] = (struct pollfd){.fd = fd, .events = POLLIN};
	return 0;
}

/* Read the number that a client sends, and have it worked on. */
static int read_request(struct server *server, unsigned client)
{
	struct pollfd *polled = &server->polled[FIRST + client];
	uint64_t below;

	polled->events = 0; /* one request each */
	if (read(polled->fd, &below, sizeof(below)) != sizeof(below))
		return -EBADMSG;
	return sheaf_submit(server->batch, client, count_primes, &below, sizeof(below));
}

static int send_answer(struct server *server, const sheaf_result *result)
{
	struct pollfd *polled = &server->polled[FIRST + result->position];

	if (result->status)
		return result->status;
	if (write(polled->fd, result->data, sizeof(uint64_t)) != (ssize_t)sizeof(uint64_t))
		return -EIO;
	close(polled->fd);
	polled->fd = -1;
	server->served++;
	return 0;
}

/* Hand out what is done, and arm the batch for what comes next. */
static int gather(struct server *server, sheaf_batch *batch)
{
	sheaf_result result;
	int r;

	while ((r = sheaf_next_done(batch, &result, 0)) == 1)
		if ((r = send_answer(server, &result)))
			return r;
	return r < 0 && r != -EAGAIN ? r : sheaf_batch_arm(batch);
}

static int serve(struct server *server)
{
	sheaf_batch *batch;
	int r = sheaf_batch_arm(server->batch);

	while (r >= 0 && server->served < server->clients) {
		/* A second at most, so that the pool is looked after. */
		if (poll(server->polled, FIRST + server->connected, 1000) < 0 && errno != EINTR)
			return -errno;
		if (server->polled[LISTENER].revents)
			r = accept_client(server);
		for (unsigned i = 0; i < server->connected && r >= 0; i++)
			if (server->polled[FIRST + i].revents)
				r = read_request(server, i);
		while (r >= 0 && (r = sheaf_pool_news(server->pool, &batch)) == 1)
			r = gather(server, batch);
	}
	return r;
}

/* ---- the clients ---- */

/* Ask, and print the answer. Return the exit code. */
static int ask(const struct sockaddr_un *address, uint64_t below)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	uint64_t count;

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
	    write(fd, &below, sizeof(below)) != sizeof(below) || read(fd, &count, sizeof(count)) != sizeof(count))
		return 1;
	printf("%" PRIu64 " primes below %" PRIu64 "\n", count, below);
	return fflush(stdout) ? 1 : 0;
}

/* Start the clients. Before the pool is created, so that they have nothing of it. */
static int start_clients(const struct sockaddr_un *address, unsigned clients)
{
	for (unsigned i = 0; i < clients; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(ask(address, UINT64_C(1000) * (i + 1)));
		if (pid < 0)
			return -errno;
	}
	return 0;
}

static int end_clients(unsigned clients)
{
	int status, failed = 0;

	for (unsigned i = 0; i < clients && wait(&status) > 0; i++)
		failed |= status;
	return failed ? -ECONNABORTED : 0;
}

/* ---- both ---- */

static int open_listener(struct sockaddr_un *address, const char *folder)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address->sun_path, sizeof(address->sun_path), "%s/socket", folder);
	if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) || listen(fd, MOST))
		return -errno;
	return fd;
}

static int run(struct server *server, const sheaf_pool_options *options)
{
	const sheaf_batch_options of_8 = {.result_size = sizeof(uint64_t)};
	int r = sheaf_pool_create(&server->pool, options);

	if (r == 0)
		r = sheaf_batch_create(&server->batch, server->pool, &of_8);
	if (r == 0 && (r = sheaf_pool_fd(server->pool)) > 0) {
		server->polled[NEWS] = (struct pollfd){.fd = r, .events = POLLIN};
		r = serve(server);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct server server = {.clients = 12};
	const struct example_option own[] = {
		{.name = "--clients", .help = "clients that ask", .number = &server.clients, .min = 1, .max = MOST},
		{0},
	};
	const sheaf_pool_options options = {.workers = example_options(argc, argv, own)};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char folder[] = "/tmp/sheaf-serve-XXXXXX";
	int fd, r;

	if (!mkdtemp(folder))
		return example_end(-errno);
	r = fd = open_listener(&address, folder);
	server.polled[LISTENER] = (struct pollfd){.fd = fd, .events = POLLIN};
	if (fd >= 0 && !(r = start_clients(&address, server.clients)))
		r = run(&server, &options);
	if (r >= 0)
		r = end_clients(server.clients);
	r = example_end(r);
	sheaf_batch_retire(server.batch);
	sheaf_pool_destroy(server.pool);
	unlink(address.sun_path);
	rmdir(folder);
	return r;
}
