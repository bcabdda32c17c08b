/*
 * slow_server.c - answers each request after 50 ms, however many there are at once.
 */
#include "slow_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sheaf.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_VISITORS = 256, FIRST_VISITOR = 2 };

#define MS UINT64_C(1000000)

struct visitor {
	char request[512];
	size_t size;
	uint64_t due_ns; /* when to answer; 0: the request is not complete */
};

static struct visitor visitors[MOST_VISITORS];
static struct pollfd files[FIRST_VISITOR + MOST_VISITORS]; /* the listener, the pipe, visitors */
static unsigned count;                                     /* of visitors */

size_t slow_server_page(unsigned number, char *page)
{
	size_t size = 0;

	for (unsigned line = 0; line <= number % 7; line++)
		size += (size_t)snprintf(page + size, SLOW_SERVER_PAGE - size, "page %u, line %u\n", number, line);
	return size;
}

static void answer(const struct visitor *visitor, int fd)
{
	char page[SLOW_SERVER_PAGE], text[SLOW_SERVER_PAGE + 128];
	unsigned number;
	int size;

	if (sscanf(visitor->request, "GET /%u ", &number) == 1) {
		size_t length = slow_server_page(number, page);

		size = snprintf(text, sizeof(text), "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n%.*s", length, (int)length,
				page);
	} else {
		size = snprintf(text, sizeof(text), "HTTP/1.0 400 Bad Request\r\n\r\n");
	}
	/* The visitor may have gone, which is no concern of the others. */
	(void)!send(fd, text, (size_t)size, MSG_NOSIGNAL);
}

static void bid_farewell(unsigned i)
{
	close(files[FIRST_VISITOR + i].fd);
	count--;
	visitors[i] = visitors[count];
	files[FIRST_VISITOR + i] = files[FIRST_VISITOR + count];
}

static void welcome(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	visitors[count] = (struct visitor){0};
	files[FIRST_VISITOR + count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Read what has come of a request. False: the visitor has gone. */
static bool listen_to(struct visitor *visitor, int fd)
{
	ssize_t size = read(fd, visitor->request + visitor->size, sizeof(visitor->request) - 1 - visitor->size);

	if (size <= 0)
		return false;
	visitor->size += (size_t)size;
	visitor->request[visitor->size] = '\0';
	if (!visitor->due_ns && strstr(visitor->request, "\r\n\r\n"))
		visitor->due_ns = sheaf_now_ns() + SLOW_SERVER_MS * MS;
	return true;
}

/* Answer all that have waited long enough. Return how long the next one still has to, in ms. */
static int answer_all(void)
{
	uint64_t now = sheaf_now_ns(), next = UINT64_MAX;

	for (unsigned i = count; i--;) {
		if (!visitors[i].due_ns)
			continue;
		if (visitors[i].due_ns <= now) {
			answer(&visitors[i], files[FIRST_VISITOR + i].fd);
			bid_farewell(i);
		} else if (visitors[i].due_ns < next) {
			next = visitors[i].due_ns;
		}
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / MS) + 1;
}

static void serve(void)
{
	for (;;) {
		int wait = answer_all();

		files[0].events = count < MOST_VISITORS ? POLLIN : 0;
		if (poll(files, FIRST_VISITOR + count, wait) < 0 && errno != EINTR)
			return;
		if (files[1].revents)
			return;
		for (unsigned i = count; i--;) {
			if (files[FIRST_VISITOR + i].revents && !listen_to(&visitors[i], files[FIRST_VISITOR + i].fd))
				bid_farewell(i);
		}
		if (files[0].revents & POLLIN)
			welcome(files[0].fd);
	}
}

/* Open a socket for visitors, at a port of the system's choice. Return it, or -errno. */
static int open_listener(unsigned short *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0), r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, size) || listen(fd, MOST_VISITORS) ||
	    getsockname(fd, (struct sockaddr *)&address, &size)) {
		r = -errno;
		close(fd);
		return r;
	}
	*port = ntohs(address.sin_port);
	return fd;
}

int slow_server_start(struct slow_server *server)
{
	int ends[2], r, listener = open_listener(&server->port);

	if (listener < 0)
		return listener;
	if (pipe(ends)) {
		r = -errno;
		close(listener);
		return r;
	}
	server->pid = fork();
	if (server->pid == 0) {
		close(ends[1]);
		files[0] = (struct pollfd){.fd = listener};
		files[1] = (struct pollfd){.fd = ends[0], .events = POLLIN};
		serve();
		_exit(0);
	}
	r = server->pid < 0 ? -errno : 0;
	close(listener);
	close(ends[0]);
	server->life = ends[1];
	if (r)
		close(ends[1]);
	return r;
}

void slow_server_stop(struct slow_server *server)
{
	close(server->life);
	while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}
