/*
 * test_segment.c - the shared memory of a pool: layout, rights, guard pages, names, and what
 * becomes of a dead owner's segment.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, mlockall() */
#include "base/number.h"
#include "os/os.h"
#include "segment/create.h"
#include "segment/file.h"
#include "segment/heap.h"
#include "segment/names.h"
#include "segment/shortage.h"
#include "segment/stamp.h"
#include "segment/sweep.h"
#include "support/children.h"
#include "support/dead_pool.h"
#include "support/deadline.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Create a segment and give it its name, as a pool does once its supervisor runs. */
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

Test(segment, seats_its_owner_behind_the_workers)
{
	struct segment_options options = {.anonymous = true, .workers = 3, .ring_size = 1, .batches = 1, .heap_size = 1};
	struct segment segment = {0};
	const struct shared_seat *seat;

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	cr_assert_eq(segment_owner_seat(&segment), 3);
	cr_assert_eq(segment.seat_count, 4);
	seat = &segment.seats[3];
	cr_assert_eq(seat->generation, 1);
	cr_assert_eq(seat->pid, getpid());
	cr_assert_eq(seat->cursor, CURSOR_NONE);
	cr_assert(bells_whole(&seat->bell_seal, &seat->bell_end_seal));
	for (unsigned worker = 0; worker < 3; worker++)
		cr_assert(segment.seats[worker].generation == 0 && segment.seats[worker].pid == 0);
	segment_destroy(&segment);
}

Test(segment, knows_words_whose_owner_does_not_live)
{
	static const struct {
		struct word word;
		bool orphan;
	} words[] = {
		{{.state = WORD_OWNED, .seat = 1, .generation = 7}, false},
		{{.state = WORD_OWNED, .seat = 1, .generation = 6}, true},
		{{.state = WORD_OWNED, .seat = 0, .generation = 7}, true},
		/* the owner, which claims nothing in a ring */
		{{.state = WORD_OWNED, .seat = 2, .generation = 1}, true},
		{{.state = WORD_OWNED, .seat = 3, .generation = 0}, true},
		{{.state = WORD_OWNED, .seat = SEAT_MASK, .generation = 0}, true},
		{{.state = WORD_FILLING, .seat = 1, .generation = 6}, false},
		{{.state = WORD_READY}, false},
		{{.state = WORD_DONE, .seat = 1, .generation = 6}, false},
	};
	struct segment_options options = {.anonymous = true, .workers = 2, .ring_size = 1, .batches = 1, .heap_size = 1};
	struct segment segment = {0};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	segment.seats[1].generation = 0x10007;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		cr_assert_eq(segment_is_orphan(&segment, words[i].word), words[i].orphan, "word %zu", i);
	segment_destroy(&segment);
}

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
		cr_assert_leq(h->control + sizeof(struct shared_control), h->seats);
		cr_assert_leq(h->seats + (h->worker_count + 1) * sizeof(struct shared_seat), h->ring);
		cr_assert_leq(h->ring + h->ring_size * sizeof(struct shared_slot), h->batches);
		cr_assert_leq(h->batches + h->batch_count * sizeof(struct shared_batch), h->heap_map);
		cr_assert_leq(h->heap_map + h->heap_size / UNIT * sizeof(uint64_t) + UNIT, h->heap);
		cr_assert_geq(h->heap_size, sizes[i].heap_size);
		cr_assert_eq(h->heap_size % UNIT, 0);
		cr_assert_eq(h->heap % HUGE_PAGE, 0);
		cr_assert_eq((uintptr_t)segment_at(&segment, h->heap) % HUGE_PAGE, 0);
		cr_assert_eq((uintptr_t)segment.slots % 64, 0);
		cr_assert_eq((uintptr_t)segment.seats % LINE, 0);
		cr_assert_eq((uintptr_t)segment.batches % LINE, 0);
		segment_destroy(&segment);
	}
}

/* Touch one byte in a child, which a guard page must kill. */
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
	cr_assert_eq(child_wait(pid, &status, hang_deadline()), 0);
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

static int lock_inherited(void *context)
{
	return os_lock(((struct segment *)context)->fd, OS_LOCK_OWNER) == -EAGAIN ? 0 : 1;
}

static int exit_code_of(child_fn *fn, void *context)
{
	pid_t pid = child_start(fn, context);
	int status;

	cr_assert_gt(pid, 0);
	cr_assert_eq(child_wait(pid, &status, hang_deadline()), 0);
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
	/* Else its supervisor would read all mappings of the owner at every check. */
	cr_assert_eq(exit_code_of(lock_inherited, &segment), 0);
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

static pid_t start(child_fn *fn, struct living *living, char *name)
{
	size_t got = 0;
	pid_t pid;

	cr_assert_eq(pipe(living->ready), 0);
	pid = child_start(fn, living);
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

static pid_t start_owner(struct living *living, char *name)
{
	return start(own_segment, living, name);
}

Test(segment, refuses_a_name_that_a_living_owner_has)
{
	struct living living = {.name = own_name, .stays = true};
	struct segment segment;
	char name[NAME_MAX], wanted[200];
	pid_t owner = start_owner(&living, name);

	snprintf(wanted, sizeof(wanted),
		 "the segment name %s is taken by a living pool of process %ld: choose another name, or NULL", own_name,
		 (long)owner);
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

	cr_assert_eq(child_wait(owner, &status, hang_deadline()), 0);
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

	cr_assert_eq(child_wait(pid, &status, hang_deadline()), 0);
	cr_assert(WIFSIGNALED(status));
	cr_assert_leq(segment_name_exists(own_name), 0);
}
#endif

/*
 * What an owner leaves when it dies: a process that still has the memory, as its supervisor does
 * for a while.
 */
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
	char told = 0, what[200];

	cr_assert(!pipe(orphan.go) && !pipe(orphan.answer));
	cr_assert_eq(exit_code_of(leave_orphan, &orphan), 0);
	cr_assert(sweep_name(own_name, what, sizeof(what)), "%s", what);
	cr_assert_leq(segment_name_exists(own_name), 0);
	close(orphan.answer[1]);
	cr_assert_eq(write(orphan.go[1], "x", 1), 1);
	cr_assert_eq(read(orphan.answer[0], &told, 1), 1, "it died when it touched the memory");
	close(orphan.answer[0]);
	close(orphan.go[0]);
	close(orphan.go[1]);
}

static int make_empty(void *context)
{
	int fd;

	return os_shm_create(context, &fd);
}

static int invent(void *context)
{
	return os_shm_invent(context, 64);
}

/*
 * Creators that were killed before they could lock, or write to, their file; and a file that says
 * nothing of its maker.
 */
Test(segment, that_was_begun_by_a_dead_process_is_swept)
{
	char *empty = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), begun[64], other[64],
	     mine[64];
	struct segment segment;
	int fd;

	cr_assert_eq(exit_code_of(invent, empty), 0);
	cr_assert_eq(os_shm_create(empty, &fd), 0);
	close(fd);
	cr_assert_eq(os_shm_invent(mine, sizeof(mine)), 0);
	cr_assert_eq(os_shm_create(mine, &fd), 0);
	snprintf(begun, sizeof(begun), "/sheaf-unit-begun-%ld", (long)getpid());
	cr_assert_eq(dead_pool_leave(begun), 0);
	snprintf(other, sizeof(other), "/sheaf-unit-empty-%ld", (long)getpid());
	cr_assert_eq(exit_code_of(make_empty, other), 0);
	create(&segment, NULL);
	if (os_shm_begins_empty())
		cr_assert_leq(segment_name_exists(empty), 0);
	else
		cr_assert_neq(segment_name_exists(empty), 0, "no maker leaves such a file");
	cr_assert_leq(segment_name_exists(begun), 0);
	cr_assert_neq(segment_name_exists(other), 0, "it is not known to be ours");
	cr_assert_neq(segment_name_exists(mine), 0, "its maker lives");
	segment_destroy(&segment);
	close(fd);
	shm_unlink(empty);
	shm_unlink(other);
	shm_unlink(mine);
	munmap(empty, 4096);
}

/* ---- what has the name already ---- */

static void path_of(const char *name, char *path, size_t size)
{
	snprintf(path, size, "/dev/shm%s", name);
}

static void expect_taken(const char *name, const char *by)
{
	struct segment segment;
	char wanted[300];

	snprintf(wanted, sizeof(wanted), "the segment name %s is taken by %s: choose another name, or NULL", name, by);
	cr_assert_eq(try_create(&segment, name), -EEXIST);
	cr_assert_str_eq(sheaf_message(), wanted);
	cr_assert_neq(segment_name_exists(name), 0);
}

static void expect_bytes(int fd, const char *bytes)
{
	char found[32] = "";
	struct stat status;

	cr_assert_eq(fstat(fd, &status), 0);
	cr_assert_eq(status.st_size, (off_t)strlen(bytes));
	cr_assert_gt(status.st_nlink, 0);
	cr_assert_eq(pread(fd, found, sizeof(found), 0), (ssize_t)strlen(bytes));
	cr_assert_str_eq(found, bytes);
}

Test(segment, refuses_the_name_of_shared_memory_of_others)
{
	struct shared_header header = {0};
	char by[200];
	int fd = shm_open(own_name, O_CREAT | O_EXCL | O_RDWR, 0600);

	cr_assert_geq(fd, 0);
	snprintf(by, sizeof(by), "empty shared memory of user %lu, whose maker cannot be told", (unsigned long)geteuid());
	expect_taken(own_name, by);
	cr_assert_eq(write(fd, "precious", 8), 8);
	snprintf(by, sizeof(by), "shared memory of 8 bytes of user %lu, which is not a segment of Sheaf",
		 (unsigned long)geteuid());
	expect_taken(own_name, by);
	expect_bytes(fd, "precious");
	segment_identify(&header);
	dead_pool_mark(&header);
	header.version++;
	cr_assert_eq(pwrite(fd, &header, sizeof(header), 0), (ssize_t)sizeof(header));
	snprintf(by, sizeof(by), "a segment of another version of Sheaf (version %lu, layout 0x%08lx)",
		 (unsigned long)header.version, (unsigned long)header.layout);
	expect_taken(own_name, by);
	header.version--;
	header.ready = 1;
	cr_assert_eq(pwrite(fd, &header, sizeof(header), 0), (ssize_t)sizeof(header));
	expect_taken(own_name, "a damaged segment of Sheaf");
	shm_unlink(own_name);
	close(fd);
}

Test(segment, refuses_the_name_of_what_is_no_file)
{
	char path[100], by[100];

	path_of(own_name, path, sizeof(path));
	if (mkfifo(path, 0600))
		cr_skip_test("this system does not show its shared memory");
	snprintf(by, sizeof(by), "a pipe of user %lu, which is not a segment of Sheaf", (unsigned long)geteuid());
	expect_taken(own_name, by);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(symlink("/dev/null", path), 0);
	snprintf(by, sizeof(by), "a symbolic link of user %lu, which is not a segment of Sheaf", (unsigned long)geteuid());
	expect_taken(own_name, by);
	cr_assert_eq(unlink(path), 0);
}

/*
 * As a backup program in a thread of the owner does: any close() of a process drops its locks on
 * the file.
 */
static int lose_lock(void *context)
{
	struct living *living = context;
	struct segment segment;
	int fd;

	if (try_create(&segment, living->name) || (fd = shm_open(segment.name, O_RDONLY, 0)) < 0 || close(fd) ||
	    write(living->ready[1], segment.name, sizeof(segment.name)) < 0)
		return 1;
	for (;;)
		pause();
}

Test(segment, whose_owner_has_lost_its_lock_is_not_swept)
{
	struct living living = {.name = NULL};
	char name[NAME_MAX], by[100];
	struct segment segment;
	pid_t owner = start(lose_lock, &living, name);

	if (!access("/proc/self/ns/pid", F_OK)) {
		create(&segment, NULL);
		cr_assert_neq(segment_name_exists(name), 0, "a sweep has taken it");
		segment_destroy(&segment);
		snprintf(by, sizeof(by), "a living pool of process %ld", (long)owner);
		expect_taken(name, by);
	}
	child_end(owner);
	create(&segment, NULL);
	cr_assert_leq(segment_name_exists(name), 0, "it is still there");
	segment_destroy(&segment);
}

/* Other processes of the pool hold locks of their own. */
static int hold_spare(void *context)
{
	struct living *living = context;
	char full[NAME_MAX] = "";
	int fd;

	if (os_shm_open(living->name, true, &fd) || os_lock(fd, OS_LOCK_SPARE) ||
	    write(living->ready[1], full, sizeof(full)) != sizeof(full))
		return 1;
	for (;;)
		pause();
}

Test(segment, whose_spare_process_lives_is_not_swept)
{
	struct living living = {0};
	struct segment segment;
	char name[64], first[64], text[NAME_MAX];
	pid_t spare;

	/* Other tests sweep, too: it has a name that no sweep takes until the lock is held. */
	snprintf(first, sizeof(first), "/unit-spare-%ld", (long)getpid());
	snprintf(name, sizeof(name), "/sheaf-unit-spare-%ld", (long)getpid());
	cr_assert_eq(dead_pool_leave(first), 0);
	living.name = first;
	spare = start(hold_spare, &living, text);
	cr_assert_eq(os_shm_rename(first, name), 0);
	shm_unlink(first);
	create(&segment, NULL);
	cr_assert_neq(segment_name_exists(name), 0);
	segment_destroy(&segment);
	child_end(spare);
	create(&segment, NULL);
	cr_assert_leq(segment_name_exists(name), 0);
	segment_destroy(&segment);
}

Test(segment, of_a_dead_owner_goes_with_all_of_its_names)
{
	char first[64], one[64], two[64], from[100], to[100];
	struct segment segment;

	/* Other tests sweep, too: it has a name that no sweep takes until it has both others. */
	snprintf(first, sizeof(first), "/unit-one-%ld", (long)getpid());
	snprintf(one, sizeof(one), "/sheaf-unit-one-%ld", (long)getpid());
	snprintf(two, sizeof(two), "/sheaf-unit-two-%ld", (long)getpid());
	cr_assert_eq(dead_pool_leave(first), 0);
	path_of(first, from, sizeof(from));
	path_of(two, to, sizeof(to));
	if (link(from, to)) {
		shm_unlink(first);
		cr_skip_test("this system does not show its shared memory");
	}
	path_of(one, to, sizeof(to));
	cr_assert_eq(link(from, to), 0);
	cr_assert_eq(shm_unlink(first), 0);
	create(&segment, NULL);
	cr_assert_leq(segment_name_exists(one), 0);
	cr_assert_leq(segment_name_exists(two), 0);
	segment_destroy(&segment);
}

Test(segment, of_this_process_is_not_swept_by_a_second_name)
{
	char two[64], from[100], to[100];
	struct segment segment, next;

	create(&segment, own_name);
	snprintf(two, sizeof(two), "/sheaf-unit-two-%ld", (long)getpid());
	path_of(own_name, from, sizeof(from));
	path_of(two, to, sizeof(to));
	if (!link(from, to)) {
		create(&next, NULL);
		cr_assert_neq(segment_name_exists(two), 0);
		cr_assert_eq(exit_code_of(lock_again, own_name), 0, "the lock is lost");
		segment_destroy(&next);
		cr_assert_eq(unlink(to), 0);
	}
	segment_destroy(&segment);
}

Test(segment, leaves_a_name_that_belongs_to_another_file_by_now)
{
	struct segment segment;
	int fd;

	create(&segment, own_name);
	cr_assert_eq(shm_unlink(own_name), 0);
	fd = shm_open(own_name, O_CREAT | O_EXCL | O_RDWR, 0600);
	cr_assert_eq(write(fd, "precious", 8), 8);
	segment_unpublish(&segment);
	segment_destroy(&segment);
	expect_bytes(fd, "precious");
	close(fd);
	shm_unlink(own_name);
}

/* ---- a host that closes what it does not know ---- */

/* In a child, which ends: every descriptor above 2 is closed, and others get the numbers. */
static int close_all_and_go_on(const char *name, bool anonymous)
{
	struct segment_options options = options_of(name);
	struct segment segment;
	struct stat status;
	uint64_t offset, second;
	int files[8], number, r;

	options.anonymous = anonymous;
	if (segment_create(&segment, &options) || segment_publish(&segment) ||
	    heap_alloc(&segment, heap_new_id(&segment), 3 * UNIT, &offset))
		return 1;
	number = segment.fd;
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	for (int i = 0; i < 8; i++) {
		char text[] = "/tmp/sheaf-unit-XXXXXX";

		files[i] = mkstemp(text);
		if (files[i] < 0 || unlink(text) || write(files[i], "precious", 8) != 8)
			return 2;
	}
	if (fstat(number, &status) || status.st_size != 8)
		return 3; /* none has got the number: nothing would be shown */
	memset(segment_at(&segment, offset), 1, 3 * UNIT);
	r = heap_alloc(&segment, heap_new_id(&segment), 2 * UNIT, &second);
#ifdef OS_LAYER_LINUX
	if (r)
		return 4;
#else
	if (r != (anonymous ? -EBADF : 0))
		return 4;
	if (r && (heap_fail(&segment, r, UNIT, "a test") != -EBADF || !strstr(sheaf_message(), "closefrom()")))
		return 5;
#endif
	if (!r)
		memset(segment_at(&segment, second), 2, 2 * UNIT);
	if (heap_free(&segment, offset))
		return 6;
	if (!r && (heap_alloc(&segment, heap_new_id(&segment), 3 * UNIT, &offset) ||
		   *(unsigned char *)segment_at(&segment, offset) || *(unsigned char *)segment_at(&segment, second) != 2))
		return 7;
	if (!heap_alloc(&segment, heap_new_id(&segment), HEAP, &offset))
		return 8;
	segment_destroy(&segment);
	for (int i = 0; i < 8; i++)
		if (fstat(files[i], &status) || status.st_size != 8)
			return 9;
	return name && segment_name_exists(name) > 0 ? 10 : 0;
}

static int close_all_named(void *context)
{
	return close_all_and_go_on(context, false);
}

static int close_all_anonymous(void *context)
{
	(void)context;
	return close_all_and_go_on(NULL, true);
}

Test(segment, with_a_name_goes_on_without_its_descriptor)
{
	cr_assert_eq(exit_code_of(close_all_named, own_name), 0);
}

Test(segment, without_a_name_goes_on_without_its_descriptor)
{
	cr_assert_eq(exit_code_of(close_all_anonymous, NULL), 0);
}

static int close_all_and_detach(void *context)
{
	struct segment *segment = context;
	struct stat status;
	int number = segment->fd, file;

	close(number);
	file = open("/dev/null", O_RDONLY);
	if (file != number && dup2(file, number) != number)
		return 1;
	segment_detach(segment);
	return fstat(number, &status) ? 2 : 0;
}

Test(segment, closes_no_file_of_a_forked_child_that_has_its_number)
{
	struct segment segment;

	create(&segment, own_name);
	cr_assert_eq(exit_code_of(close_all_and_detach, &segment), 0);
	segment_destroy(&segment);
}

/* ---- settings of the host ---- */

static int create_with_umask(void *context)
{
	static const mode_t masks[] = {0777, 0400, 0};

	for (unsigned i = 0; i < 3; i++) {
		struct segment segment;
		struct stat status;

		umask(masks[i]);
		if (try_create(&segment, context) || fstat(segment.fd, &status))
			return 1;
		if ((status.st_mode & 0777) != 0600)
			return 2;
		segment_destroy(&segment);
	}
	return 0;
}

Test(segment, may_be_read_and_written_whatever_the_umask_is)
{
	cr_assert_eq(exit_code_of(create_with_umask, own_name), 0);
}

static int create_locked(void *context)
{
	const bool *limited = context;
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	struct segment_options options = options_of(NULL);
	struct segment segment;
	struct stat status;

	if (*limited)
		limit.rlim_cur = limit.rlim_max = 256 << 20;
	options.heap_size = (uint64_t)1 << 30;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || (*limited && geteuid() == 0 && !become_user(65534)) ||
	    mlockall(MCL_CURRENT | MCL_FUTURE))
		return 77;
	if (segment_create(&segment, &options)) {
		if (!*limited)
			return 1;
#ifdef OS_LAYER_LINUX
		return 2;
#else
		return strstr(sheaf_message(), "mlockall") && strstr(sheaf_message(), "ulimit -l") ? 0 : 3;
#endif
	}
	if (fstat(segment.fd, &status) || status.st_blocks * 512 > 1 << 20)
		return 4;
	segment_destroy(&segment);
	return 0;
}

Test(segment, is_address_space_also_where_the_host_locks_its_memory)
{
	for (int limited = 0; limited < 2; limited++) {
		bool is = limited;
		int code = exit_code_of(create_locked, &is);

		if (code == 77) {
			tear_down();
			cr_skip_test("this process may not lock its memory");
		}
		cr_assert_eq(code, 0, "%s", is ? "with a limit" : "without a limit");
	}
}

#ifdef __linux__
/* Mappings of @segment that core files hold. */
static int count_dumped(const struct segment *segment)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	unsigned long begin = 0, end = 0;
	int count = 0;
	char line[600];

	cr_assert_not_null(file);
	while (fgets(line, sizeof(line), file)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			begin = from;
			end = to;
		}
		if (!strncmp(line, "VmFlags:", 8) && begin < (uintptr_t)segment->base + segment->size &&
		    end > (uintptr_t)segment->base)
			count += !strstr(line, " dd");
	}
	fclose(file);
	return count;
}

Test(segment, is_left_out_of_core_files_unless_told)
{
	struct segment_options options = options_of(NULL);
	struct segment segment;

	options.anonymous = true;
	cr_assert_eq(segment_create(&segment, &options), 0);
	cr_assert_eq(count_dumped(&segment), 0);
	segment_destroy(&segment);
	options.dump = true;
	cr_assert_eq(segment_create(&segment, &options), 0);
	cr_assert_gt(count_dumped(&segment), 0);
	segment_destroy(&segment);
}
#endif

static int create_in_child(void *context)
{
	struct segment segment;

	(void)context;
	if (try_create(&segment, NULL))
		return 1;
	segment_destroy(&segment);
	return 0;
}

static void *create_in_thread(void *context)
{
	atomic_store(&((atomic_int *)context)[0], create_in_child(NULL));
	atomic_store(&((atomic_int *)context)[1], 1);
	return NULL;
}

/*
 * A file of this name may be any program's, and may delay a process that opens it, but neither
 * threads that fork nor their children.
 */
Test(segment, names_are_looked_at_while_others_fork_and_none_claims_one)
{
	static atomic_int ended[2]; /* its code; and that there is one */
	pthread_t thread;
	int status;
	pid_t pid;

	atomic_store(&ended[0], 1);
	names_visit();
	cr_assert_eq(pthread_create(&thread, NULL, create_in_thread, ended), 0);
	pid = child_start(create_in_child, NULL);
	cr_assert_gt(pid, 0);
	cr_assert_eq(child_wait(pid, &status, hang_deadline()), 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	cr_assert_eq(atomic_load(&ended[1]), 0);
	names_leave();
	pthread_join(thread, NULL);
	cr_assert_eq(atomic_load(&ended[0]), 0);
}

static int leave_as_another_user(void *context)
{
	struct segment segment;

	if (!become_user(65534))
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
#if defined(__SANITIZE_ADDRESS__)
	return 77; /* its shadow is more address space than a limit leaves */
#endif
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
	if (segment_create(&segment, &options) != -ENOMEM || !strstr(sheaf_message(), "see ulimit -f"))
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
	/* There is enough by now. Where there is not: tests/crash/crash_shm.c. */
	cr_assert_not_null(strstr(sheaf_message(), " are free now: try again"), "%s", sheaf_message());
	segment_destroy(&segment);
}
