/*
 * test_segment.c - the shared memory of a pool: layout, rights, guard pages, names, and what becomes of a dead owner's segment.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/number.h"
#include "os/os.h"
#include "segment/heap.h"
#include "support/children.h"
#include "support/leaks.h"

#define HEAP ((uint64_t)16 << 20)

static int files, mappings;
static char own_name[64]; /* no start of "sheaf-": other programs' sweeps leave it alone */

static void set_up(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
	files = count_open_files();
	mappings = count_segment_mappings();
	snprintf(own_name, sizeof(own_name), "/sheaf_unit_%ld", (long)getpid());
}

static void tear_down(void)
{
	child_end_all();
	cr_assert_eq(count_open_files(), files);
	cr_assert_eq(count_segment_mappings(), mappings);
	cr_assert_leq(segment_name_exists(own_name), 0);
}

TestSuite(segment, .init = set_up, .fini = tear_down);

static struct segment_options options_of(const char *name)
{
	return (struct segment_options){
		.name = name, .workers = 2, .ring_size = 4, .batches = 2, .max_attempts = 3, .heap_size = HEAP};
}

/* Creates a segment and gives it its name, as a pool does once its supervisor runs. */
static int try_create(struct segment *segment, const char *name)
{
	struct segment_options options = options_of(name);
	int r;

	memset(segment, 0, sizeof(*segment));
	r = segment_create(segment, &options);
	if (!r && (r = segment_publish(segment)))
		segment_destroy(segment);
	return r;
}

static void create(struct segment *segment, const char *name)
{
	cr_assert_eq(try_create(segment, name), 0, "%s", sheaf_message());
}

Test(segment, has_a_header_that_describes_it)
{
	struct segment segment;

	create(&segment, NULL);
	cr_assert_eq(memcmp(segment.base, "SHEAF001", 8), 0);
	cr_assert_eq(segment.header->version, SEGMENT_VERSION);
	cr_assert_eq(segment.header->layout, LAYOUT_WORD);
	cr_assert_eq(segment.header->ready, 1);
	cr_assert_eq(segment.header->worker_count, 2);
	cr_assert_eq(segment.header->ring_size, 4);
	cr_assert_eq(segment.header->batch_count, 2);
	cr_assert_eq(segment.header->max_attempts, 3);
	cr_assert_eq(segment.header->owner_pid, (uint32_t)getpid());
	cr_assert_eq(segment.header->heap_size, HEAP);
	cr_assert_eq(segment.header->size, segment.header->heap + HEAP);
	segment_destroy(&segment);
}

Test(segment, commits_batches_as_they_are_added)
{
	struct segment_options options = options_of(NULL);
	struct segment segment = {0};
	struct stat before, after;

	options.batches = 6;
	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	cr_assert_eq(segment_batches(&segment), 4);
	cr_assert_eq(fstat(segment.fd, &before), 0);
	cr_assert_eq(segment_add_batches(&segment), 0);
	cr_assert_eq(segment_batches(&segment), 6, "no more than there are");
	cr_assert_eq(fstat(segment.fd, &after), 0);
	cr_assert_gt(after.st_blocks, before.st_blocks);
	cr_assert_eq(sem_trywait(&segment.batches[5].bell), -1);
	cr_assert_eq(errno, EAGAIN);
	atomic_store(&segment.control->batches, 1000);
	cr_assert_eq(segment_batches(&segment), 6, "a stray write leads nobody out of the slots");
	segment_destroy(&segment);
}

#if SIZE_MAX > UINT32_MAX && !defined(EMULATED)
#define LARGE_HEAP (UINT64_C(1) << 40)
#else
#define LARGE_HEAP (UINT64_C(1) << 28) /* what 32 bits, or an emulator, can map */
#endif

Test(segment, tables_do_not_overlap_and_heap_is_aligned_to_huge_pages)
{
	static const struct segment_options sizes[] = {
		{.workers = 1, .ring_size = 1, .batches = 1, .heap_size = 1},
		{.workers = 5, .ring_size = 1024, .batches = 64, .heap_size = HEAP + 1},
		{.workers = 2048, .ring_size = 2, .batches = 4096, .heap_size = LARGE_HEAP},
	};
	struct segment segment = {0};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct shared_header *h;

		cr_assert_eq(segment_create(&segment, &sizes[i]), 0, "%s", sheaf_message());
		h = segment.header;
		cr_assert_leq(sizeof(*h), h->control);
		cr_assert_leq(h->control + sizeof(struct shared_control), h->workers);
		cr_assert_leq(h->workers + h->worker_count * sizeof(struct shared_worker), h->ring);
		cr_assert_leq(h->ring + h->ring_size * sizeof(struct shared_slot), h->batches);
		cr_assert_leq(h->batches + h->batch_count * sizeof(struct shared_batch), h->heap_map);
		cr_assert_leq(h->heap_map + h->heap_size / UNIT * sizeof(uint64_t) + UNIT, h->heap);
		cr_assert_geq(h->heap_size, sizes[i].heap_size);
		cr_assert_eq(h->heap_size % UNIT, 0);
		cr_assert_eq(h->heap % HUGE_PAGE, 0);
		cr_assert_eq((uintptr_t)segment_at(&segment, h->heap) % HUGE_PAGE, 0);
		cr_assert_eq((uintptr_t)segment.ring % 64, 0);
		cr_assert_eq((uintptr_t)segment.workers % LINE, 0);
		cr_assert_eq((uintptr_t)segment.batches % LINE, 0);
		segment_destroy(&segment);
	}
}

/* Touches one byte in a child, which a guard page must kill. */
static volatile unsigned char *touched;
static bool writes;

static int touch(void *context)
{
	(void)context;
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	if (writes)
		*touched = 1;
	else
		(void)*touched;
	return 0;
}

static int signal_of_touch(unsigned char *address, bool write)
{
	int status;
	pid_t pid;

	touched = address;
	writes = write;
	pid = child_start(touch, NULL);
	cr_assert_gt(pid, 0);
	cr_assert_eq(child_wait(pid, &status, patience()), 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(segment, guard_pages_before_the_heap_fault)
{
	struct segment segment;
	unsigned char *guard, *heap;

	create(&segment, NULL);
	heap = segment_at(&segment, segment.heap);
	guard = segment_at(&segment, segment.header->heap_map + round_up(HEAP / UNIT * 8, PAGE));
	cr_assert_geq(heap - guard, (ptrdiff_t)(UNIT - PAGE));
	cr_assert_eq(signal_of_touch(heap - 1, false), SIGSEGV);
	cr_assert_eq(signal_of_touch(heap - 1, true), SIGSEGV);
	cr_assert_eq(signal_of_touch(heap - UNIT / 2, true), SIGSEGV);
	cr_assert_eq(signal_of_touch(guard, true), SIGSEGV);
	cr_assert_eq(signal_of_touch(guard, false), SIGSEGV);
	cr_assert_eq(signal_of_touch((unsigned char *)&segment.batches[segment.batch_count] - 1, true), 0);
	segment_destroy(&segment);
}

Test(segment, belongs_to_its_user_alone)
{
	struct segment segment;
	struct stat status;
	mode_t mask = umask(0);

	create(&segment, NULL);
	umask(mask);
	cr_assert_eq(fstat(segment.fd, &status), 0);
	cr_assert_eq(status.st_mode & 0777, 0600, "%o", (unsigned)status.st_mode);
	cr_assert_eq(status.st_uid, geteuid());
	cr_assert(fcntl(segment.fd, F_GETFD) & FD_CLOEXEC);
	segment_destroy(&segment);
}

static int lock_again(void *context)
{
	int fd = shm_open(context, O_RDWR, 0);

	return fd >= 0 && os_lock(fd, OS_LOCK_OWNER) == -EAGAIN ? 0 : 1;
}

static int exit_code_of(child_fn *fn, void *context)
{
	pid_t pid = child_start(fn, context);
	int status;

	cr_assert_gt(pid, 0);
	cr_assert_eq(child_wait(pid, &status, patience()), 0);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

Test(segment, is_locked_by_its_owner)
{
	struct segment segment;

	create(&segment, NULL);
	cr_assert_eq(exit_code_of(lock_again, segment.name), 0);
	segment_destroy(&segment);
}

Test(segment, has_a_random_name_unless_told)
{
	struct segment a, b, c;
	char start[40];

	snprintf(start, sizeof(start), "/sheaf-%ld-", (long)getpid());
	create(&a, NULL);
	create(&b, NULL);
	create(&c, own_name);
	cr_assert_eq(strncmp(a.name, start, strlen(start)), 0, "%s", a.name);
	cr_assert_str_neq(a.name, b.name);
	cr_assert_str_eq(c.name, own_name);
	cr_assert_neq(segment_name_exists(a.name), 0);
	cr_assert_neq(segment_name_exists(b.name), 0);
	cr_assert_neq(segment_name_exists(c.name), 0);
	segment_destroy(&a);
	cr_assert_leq(segment_name_exists(a.name), 0);
	cr_assert_neq(segment_name_exists(b.name), 0);
	segment_destroy(&b);
	segment_destroy(&c);
}

Test(segment, without_a_name_has_none)
{
	struct segment_options options = options_of(NULL);
	struct segment segment = {0};
	struct stat status;

	options.anonymous = true;
	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	cr_assert_str_empty(segment.name);
	cr_assert_eq(fstat(segment.fd, &status), 0);
	cr_assert_eq(status.st_nlink, 0);
	cr_assert(fcntl(segment.fd, F_GETFD) & FD_CLOEXEC);
	segment_destroy(&segment);
}

/* What children do with a name: say that they have it, then end, or wait to be killed. */
struct living {
	const char *name;
	int ready[2];
	bool stays;
};

static int own_segment(void *context)
{
	struct living *living = context;
	struct segment segment;

	if (try_create(&segment, living->name) || write(living->ready[1], segment.name, sizeof(segment.name)) < 0)
		return 1;
	while (living->stays)
		pause();
	return 0;
}

static pid_t start_owner(struct living *living, char *name)
{
	size_t got = 0;
	pid_t pid;

	cr_assert_eq(pipe(living->ready), 0);
	pid = child_start(own_segment, living);
	cr_assert_gt(pid, 0);
	while (got < NAME_MAX) {
		ssize_t r = read(living->ready[0], name + got, NAME_MAX - got);

		cr_assert_gt(r, 0);
		got += (size_t)r;
	}
	close(living->ready[0]);
	close(living->ready[1]);
	return pid;
}

Test(segment, refuses_a_name_that_a_living_owner_has)
{
	struct living living = {.name = own_name, .stays = true};
	struct segment segment;
	char name[NAME_MAX], wanted[200];
	pid_t owner = start_owner(&living, name);

	snprintf(wanted, sizeof(wanted), "the segment name %s is taken by a living owner: choose another name, or NULL",
		 own_name);
	cr_assert_eq(try_create(&segment, own_name), -EEXIST);
	cr_assert_str_eq(sheaf_message(), wanted);
	cr_assert_neq(segment_name_exists(own_name), 0);
	child_end(owner);
	create(&segment, own_name);
	segment_destroy(&segment);
}

/* Record locks do not keep a process out of its own files, and closing them drops the lock. */
Test(segment, refuses_a_name_that_this_process_has)
{
	struct segment first, second;

	create(&first, own_name);
	cr_assert_eq(try_create(&second, own_name), -EEXIST);
	cr_assert_neq(segment_name_exists(own_name), 0);
	cr_assert_eq(first.header->ready, 1);
	cr_assert_eq(exit_code_of(lock_again, own_name), 0);
	segment_destroy(&first);
	create(&second, own_name);
	segment_destroy(&second);
}

Test(segment, of_this_process_is_not_swept_whatever_its_name)
{
	char name[64];
	struct segment first, second;

	snprintf(name, sizeof(name), "/sheaf-unit-%ld", (long)getpid());
	create(&first, name);
	create(&second, NULL);
	cr_assert_neq(segment_name_exists(name), 0);
	cr_assert_eq(first.header->ready, 1);
	cr_assert_eq(exit_code_of(lock_again, name), 0);
	segment_destroy(&first);
	segment_destroy(&second);
}

Test(segment, takes_over_the_name_of_a_dead_owner)
{
	struct living living = {.name = own_name};
	struct segment segment;
	char name[NAME_MAX];
	pid_t owner = start_owner(&living, name);
	int status;

	cr_assert_eq(child_wait(owner, &status, patience()), 0);
	cr_assert_neq(segment_name_exists(own_name), 0);
	create(&segment, own_name);
	cr_assert_eq(segment.header->owner_pid, (uint32_t)getpid());
	segment_destroy(&segment);
}

Test(segment, of_a_living_owner_is_not_swept_and_of_a_dead_one_is)
{
	struct living living = {.stays = true};
	struct segment segment;
	char name[NAME_MAX];
	pid_t owner = start_owner(&living, name);

	create(&segment, NULL);
	cr_assert_neq(segment_name_exists(name), 0);
	segment_destroy(&segment);
	child_end(owner);
	create(&segment, NULL);
	cr_assert_leq(segment_name_exists(name), 0, "%s is still there", name);
	segment_destroy(&segment);
}

Test(segment, that_is_unpublished_has_no_name_and_goes_on)
{
	struct segment segment;

	create(&segment, own_name);
	segment_unpublish(&segment);
	cr_assert_leq(segment_name_exists(own_name), 0);
	cr_assert_eq(segment.header->ready, 1);
	segment_unpublish(&segment);
	segment_destroy(&segment);
}

#ifdef OS_LAYER_LINUX
static int create_and_die(void *context)
{
	struct segment_options options = options_of(context);
	struct segment segment = {0};

	return segment_create(&segment, &options) ? 1 : raise(SIGKILL);
}

Test(segment, of_a_creator_that_was_killed_leaves_nothing)
{
	pid_t pid = child_start(create_and_die, own_name);
	int status;

	cr_assert_eq(child_wait(pid, &status, patience()), 0);
	cr_assert(WIFSIGNALED(status));
	cr_assert_leq(segment_name_exists(own_name), 0);
}
#endif

/* What an owner leaves when it dies: a process that still has the memory, as its supervisor does for a while. */
struct orphan {
	int go[2], answer[2];
};

static int leave_orphan(void *context)
{
	struct orphan *orphan = context;
	struct segment segment;
	char told = 0;
	pid_t pid;

	if (try_create(&segment, own_name))
		return 1;
	pid = fork();
	if (pid < 0)
		return 2;
	if (pid)
		return 0;
	signal(SIGBUS, SIG_DFL);
	close(orphan->go[1]);
	/* Ends with the test, which has the other end. */
	if (read(orphan->go[0], &told, 1) == 1 && segment.header->ready == 1 && write(orphan->answer[1], &told, 1) == 1)
		_exit(0);
	_exit(1);
}

Test(segment, that_is_swept_keeps_its_memory_for_who_still_has_it)
{
	struct orphan orphan;
	char told = 0;

	cr_assert(!pipe(orphan.go) && !pipe(orphan.answer));
	cr_assert_eq(exit_code_of(leave_orphan, &orphan), 0);
	cr_assert(os_sweep(own_name));
	cr_assert_leq(segment_name_exists(own_name), 0);
	close(orphan.answer[1]);
	cr_assert_eq(write(orphan.go[1], "x", 1), 1);
	cr_assert_eq(read(orphan.answer[0], &told, 1), 1, "it died when it touched the memory");
	close(orphan.answer[0]);
	close(orphan.go[0]);
	close(orphan.go[1]);
}

/* A creator that was killed before it could lock, or size, its file. */
Test(segment, that_is_empty_and_unlocked_is_swept)
{
	struct segment segment;
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/sheaf-1-unit%ld", (long)getpid());
	cr_assert_eq(os_shm_create(name, &fd), 0);
	close(fd);
	create(&segment, NULL);
	cr_assert_leq(segment_name_exists(name), 0);
	segment_destroy(&segment);
}

static int leave_as_another_user(void *context)
{
	struct segment segment;

	if (setgid(65534) || setuid(65534))
		return 77;
	return try_create(&segment, context) ? 1 : 0;
}

Test(segment, of_another_user_is_not_swept)
{
	struct segment segment;
	char name[64];
	int code;

	snprintf(name, sizeof(name), "/sheaf-unit-other-%ld", (long)getpid());
	code = exit_code_of(leave_as_another_user, name);
	if (code == 77) {
		tear_down();
		cr_skip_test("only root can be two users");
	}
	cr_assert_eq(code, 0);
	create(&segment, NULL);
	segment_destroy(&segment);
	cr_assert_neq(segment_name_exists(name), 0);
	cr_assert_eq(shm_unlink(name), 0);
}

static int detach(void *context)
{
	struct segment *segment = context;

	segment_detach(segment);
	return 0;
}

Test(segment, survives_that_a_fork_detaches)
{
	struct segment segment;

	create(&segment, own_name);
	cr_assert_eq(exit_code_of(detach, &segment), 0);
	cr_assert_neq(segment_name_exists(own_name), 0);
	cr_assert_eq(segment.header->ready, 1);
	cr_assert_eq(exit_code_of(lock_again, own_name), 0);
	segment_destroy(&segment);
}

Test(segment, chooses_a_heap_that_fits_the_address_space)
{
	struct segment_options options = options_of(NULL);
	struct segment segment = {0};

	options.heap_size = 0;
	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	cr_assert_geq(segment.heap_size, (uint64_t)64 << 20);
	segment_destroy(&segment);
}

/* An emulator may take a limit and not keep it. */
static bool unlimited(size_t size)
{
	void *volatile memory = malloc(size);

	free(memory);
	return memory;
}

static int create_in_little_space(void *context)
{
	struct segment_options options = options_of(NULL);
	struct segment segment = {0};
	unsigned long pages;
	struct rlimit limit;
	FILE *file = fopen("/proc/self/statm", "r");

	(void)context;
	if (!file || fscanf(file, "%lu", &pages) != 1)
		return 77;
	fclose(file);
	limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)200 << 20);
	if (setrlimit(RLIMIT_AS, &limit) || unlimited((size_t)300 << 20))
		return 77;
	options.heap_size = 0;
	if (segment_create(&segment, &options))
		return 1;
	if (segment.heap_size > 200 << 20)
		return 2;
	segment_destroy(&segment);
	options.heap_size = 300 << 20;
	if (segment_create(&segment, &options) != -ENOMEM || !strstr(sheaf_message(), "choose a smaller heap_size"))
		return 3;
	return 0;
}

Test(segment, respects_a_limit_of_the_address_space)
{
	int code = exit_code_of(create_in_little_space, NULL);

	if (code == 77) {
		tear_down();
		cr_skip_test("no /proc, or no limits");
	}
	cr_assert_eq(code, 0);
}

static int create_with_small_files(void *context)
{
	struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
	struct segment_options options = options_of(NULL);
	struct segment segment = {0};

	(void)context;
	signal(SIGXFSZ, SIG_DFL);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return 1;
	if (segment_create(&segment, &options) != -ENOMEM || !strstr(sheaf_message(), "ulimit -v and -f"))
		return 2;
	options.heap_size = 0;
	return segment_create(&segment, &options) == -ENOMEM ? 0 : 3;
}

/* The system's answer to a file that is too large is a signal that kills. */
Test(segment, respects_a_limit_of_file_sizes)
{
	cr_assert_eq(exit_code_of(create_with_small_files, NULL), 0);
}

Test(segment, says_what_is_needed_and_free_when_memory_is_full)
{
	struct segment segment;

	create(&segment, NULL);
	cr_assert_eq(segment_fail_full(&segment, 4711, "a test"), -ENOSPC);
	cr_assert_eq(strncmp(sheaf_message(), "a test needs 4711 bytes of shared memory, ", 42), 0);
	cr_assert_not_null(
		strstr(sheaf_message(), " are free: free some, enlarge /dev/shm (docker: --shm-size) or ask for less"));
	segment_destroy(&segment);
}
