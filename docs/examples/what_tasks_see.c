/*
 * what_tasks_see.c - workers are copies of the program as it was when it created the pool. The
 * owner sets a few things, creates a pool with one worker, and changes them. Then three tasks
 * report what they see: the first, the second, and one whose worker has died.
 *
 * Run: build/docs/examples/what_tasks_see
 */
#include <fcntl.h>
#include <sheaf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AT_CREATION, NOW, FIRST, SECOND, AFTER_DEATH, COLUMNS };

struct question {
	const int *shared; /* to memory of sheaf_alloc() */
	bool dies;         /* in the first attempt */
};

struct view {
	int global, local, allocated, shared;
	int calls;        /* of the task in this process */
	int draw;         /* which of the random numbers comes next */
	char variable[8]; /* of the environment */
	char folder[8];   /* the working directory */
	char mask[8];     /* of new files */
	bool pointer_set, file_open, has_handler;
};

static int global;
static _Thread_local int local;
static int *allocated;     /* to memory of malloc() */
static const int *pointer; /* set after the pool was created */
static int calls;
static int file;
static int draws[8];

static void on_signal(int signal)
{
	(void)signal;
}

static int draw(void)
{
	int number = rand();
	int place = 0;

	while (place < 7 && draws[place] != number)
		place++;
	return place + 1;
}

static void look(const int *shared, struct view *view)
{
	const char *variable = getenv("SHEAF_EXAMPLE");
	char folder[8] = "?";
	struct sigaction action;
	mode_t mask = umask(0);

	umask(mask);
	*view = (struct view){
		.global = global,
		.local = local,
		.allocated = *allocated,
		.shared = *shared,
		.calls = calls,
		.draw = draw(),
		.pointer_set = pointer,
		.file_open = fcntl(file, F_GETFD) >= 0,
		.has_handler = sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == on_signal,
	};
	snprintf(view->variable, sizeof(view->variable), "%s", variable ? variable : "");
	snprintf(view->folder, sizeof(view->folder), "%s", getcwd(folder, sizeof(folder)) ? folder : "?");
	snprintf(view->mask, sizeof(view->mask), "%03o", (unsigned)mask);
}

static int tell(sheaf_task *task, const void *arg, void *result)
{
	const struct question *question = arg;

	calls++;
	if (question->dies && sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	look(question->shared, result);
	return 0;
}

/* Return whether all could be set. */
static bool set(int number, const char *variable, const char *folder, mode_t mask)
{
	global = local = *allocated = number;
	umask(mask);
	return setenv("SHEAF_EXAMPLE", variable, 1) == 0 && chdir(folder) == 0;
}

static bool prepare(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	allocated = malloc(sizeof(*allocated));
	file = open("/dev/null", O_RDONLY);
	if (!allocated || file < 0 || sigaction(SIGUSR1, &action, NULL) != 0)
		return false;
	srand(1);
	for (int i = 0; i < 8; i++)
		draws[i] = rand();
	srand(1); /* the same numbers come once more */
	return set(1, "one", "/", 022);
}

static int run(sheaf_pool *pool, struct view *views)
{
	struct question question = {.dies = false};
	void *memory;
	int *shared, r = sheaf_alloc(pool, sizeof(*shared), &memory);

	if (r < 0)
		return r;
	question.shared = shared = memory;
	*shared = 1;
	look(shared, &views[AT_CREATION]);
	*shared = 2;
	pointer = shared;
	if (!set(2, "two", "/dev", 077))
		return -1;
	look(shared, &views[NOW]);
	for (int i = FIRST; r == 0 && i < COLUMNS; i++) {
		question.dies = i == AFTER_DEATH;
		r = sheaf_apply(pool, tell, &question, sizeof(question), &views[i], sizeof(views[i]), NULL);
	}
	return r;
}

#define ROW(what, format, value)                               \
	do {                                                   \
		printf("%-30s", what);                         \
		for (int i = 0; i < COLUMNS; i++)              \
			printf(" %10" format, views[i].value); \
		puts("");                                      \
	} while (0)

static void print_table(const struct view *views)
{
	printf("%-30s %10s %10s %10s %10s %10s\n", "", "owner at", "owner", "first", "second", "after a");
	printf("%-30s %10s %10s %10s %10s %10s\n", "", "creation", "now", "task", "task", "death");
	ROW("global variable", "d", global);
	ROW("thread-local variable", "d", local);
	ROW("memory of malloc()", "d", allocated);
	ROW("memory of sheaf_alloc()", "d", shared);
	ROW("pointer that was set later", "s", pointer_set ? "set" : "NULL");
	ROW("static counter of tasks", "d", calls);
	ROW("next of the random numbers", "d", draw);
	ROW("environment variable", "s", variable);
	ROW("working directory", "s", folder);
	ROW("umask", "s", mask);
	ROW("file of the owner", "s", file_open ? "open" : "closed");
	ROW("handler of SIGUSR1", "s", has_handler ? "installed" : "none");
}

int main(void)
{
	const sheaf_pool_options options = {.workers = 1};
	struct view views[COLUMNS];
	sheaf_pool *pool = NULL;
	int r;

	if (!prepare()) {
		perror("what_tasks_see");
		return 1;
	}
	r = sheaf_pool_create(&pool, &options);
	if (r == 0)
		r = run(pool, views);
	if (r == 0)
		print_table(views);
	else
		fprintf(stderr, "what_tasks_see: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	free(allocated);
	close(file);
	return r != 0;
}
