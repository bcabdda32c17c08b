/*
 * fetch_pages.c - fetch many pages from a slow web server: tasks that wait, so as many workers as
 * may wait at once, whatever the number of CPUs.
 *
 * The server is part of the example. It takes 50 ms for each page.
 *
 * Run: build/docs/examples/fetch_pages [--workers N] [--pages N] [--processes]
 */
#include "support/example.h"
#include "support/slow_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_PAGES = 100000 };

struct request {
	unsigned short port;
	unsigned page;
};

/* Connect to the server. Return the socket, or -errno. */
static int connect_to(unsigned short port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* Send the request, and read until the server closes. Return the bytes of the answer, or -errno. */
static ssize_t ask(int fd, unsigned page, char *answer, size_t size)
{
	size_t length = (size_t)snprintf(answer, size, "GET /%u HTTP/1.0\r\n\r\n", page), got = 0;
	ssize_t more;

	if (send(fd, answer, length, MSG_NOSIGNAL) != (ssize_t)length)
		return -errno;
	while ((more = read(fd, answer + got, size - 1 - got)) > 0)
		got += (size_t)more;
	answer[got] = '\0';
	return more < 0 ? -errno : (ssize_t)got;
}

/* Fetch one page. Result: its bytes. To fetch it twice, after a death, does no harm. */
static int fetch(sheaf_task *task, const void *arg, void *result)
{
	const struct request *request = arg;
	char answer[SLOW_SERVER_PAGE + 256];
	int fd = connect_to(request->port), r;
	const char *body;
	ssize_t size;
	void *page;

	(void)result;
	if (fd < 0)
		return sheaf_task_fail(task, fd, "cannot connect to port %u: %s", request->port, strerror(-fd));
	size = ask(fd, request->page, answer, sizeof(answer));
	close(fd);
	if (size < 0)
		return sheaf_task_fail(task, (int)size, "cannot fetch page %u: %s", request->page, strerror((int)-size));
	body = strstr(answer, "\r\n\r\n");
	if (strncmp(answer, "HTTP/1.0 200 ", 13) != 0 || !body)
		return sheaf_task_fail(task, -EPROTO, "page %u: the server says \"%.40s\"", request->page, answer);
	body += 4;
	if ((r = sheaf_task_result(task, strlen(body), &page)) == 0)
		memcpy(page, body, strlen(body));
	return r;
}

/* A sum of all pages, by which the reader of the output may check bytes and order: FNV-1a. */
static uint64_t add_page(uint64_t sum, const sheaf_result *page)
{
	const unsigned char *bytes = page->data;

	for (size_t i = 0; i < page->size; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
	return sum;
}

/* Fetch all pages, and take them in order as they come. *@sum: of all of them. */
static int fetch_all(sheaf_batch *batch, unsigned short port, unsigned pages, uint64_t *sum)
{
	sheaf_result page;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < pages; i++)
		r = sheaf_submit(batch, i, fetch, &(struct request){port, i}, sizeof(struct request));
	*sum = UINT64_C(14695981039346656037);
	while (r == 0 && (r = sheaf_next(batch, &page, SHEAF_FOREVER)) == 1) {
		r = example_failures(&page, 1);
		*sum = add_page(*sum, &page);
	}
	return r;
}

/* Fetch all pages with so many workers, and print how long that took. *@alone_ns: with one. */
static int measure(const sheaf_pool_options *options, unsigned short port, unsigned pages, uint64_t *alone_ns)
{
	sheaf_pool *pool = NULL;
	sheaf_batch *batch = NULL;
	uint64_t began, took, sum;
	int r = sheaf_pool_create(&pool, options);

	if (r == 0)
		r = sheaf_batch_create(&batch, pool, NULL);
	began = sheaf_now_ns();
	if (r == 0)
		r = fetch_all(batch, port, pages, &sum);
	took = sheaf_now_ns() - began;
	if (r == 0) {
		if (*alone_ns == 0)
			*alone_ns = took;
		printf("%7u %9.2f %13.1f   %016" PRIx64 "\n", options->workers, (double)took / 1e9,
		       (double)*alone_ns / (double)took, sum);
		fflush(stdout);
	}
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return r;
}

int main(int argc, char **argv)
{
	static const unsigned known[] = {1, 4, 10, 50, 100};
	unsigned pages = 200, workers;
	bool processes = false;
	const struct example_option mine[] = {
		{.name = "--pages", .help = "how many pages to fetch", .number = &pages, .min = 1, .max = MOST_PAGES},
		{.name = "--processes", .help = "let the workers be processes, not threads", .flag = &processes},
		{0},
	};
	sheaf_pool_options options = {0};
	struct slow_server server;
	uint64_t alone_ns = 0;
	int r;

	workers = example_options(argc, argv, mine);
	options.backend = processes ? SHEAF_PROCESSES : SHEAF_THREADS;
	if ((r = slow_server_start(&server)) < 0) {
		fprintf(stderr, "fetch_pages: cannot start the server: %s\n", strerror(-r));
		return 1;
	}
	printf("%u pages, %d ms each\n\nworkers   seconds times as fast   sum of all pages\n", pages, SLOW_SERVER_MS);
	for (unsigned i = 0; r == 0 && i < (workers ? 1 : sizeof(known) / sizeof(known[0])); i++) {
		options.workers = workers ? workers : known[i];
		r = measure(&options, server.port, pages, &alone_ns);
	}
	slow_server_stop(&server);
	return example_end(r);
}
