/*
 * places.c - the supervisor follows the programs that have joined: who has come, who has gone, who
 * is dead.
 *
 * They are not its children. So it notes which process has written its pid into a seat: programs.c
 * asks the kernel whether that one lives.
 *
 * Writers           pid of a place's seat: its own by the program; 0 by the supervisor, once it has
 *                   repaired what the program left. news_wanted: to 0 the supervisor.
 * Edges             Their other ends, ATTACH1 to ATTACH3, are in attach.c.
 * Deaths            Of a program before it has written its pid: nobody knew of it, and nothing has
 *                   its name. After that: found here, by the words alone. Of the supervisor: its
 *                   successor finds the pids in the seats and begins anew. What was repaired and
 *                   not yet let go is repaired again, which finds nothing.
 */
#include "pool/places.h"

#include "base/atomic.h"
#include "os/os.h"
#include "pool/deaths.h"
#include "pool/programs.h"
#include "queue/bell.h"

static struct program *program_in(struct supervisor *s, unsigned seat)
{
	return &s->role.programs[seat - s->segment->crew_count];
}

/*
 * Has a process that lives called exec()? Then its lock is free, and it maps another program. A
 * lock that is free proves nothing alone, as any close() of that process on the file drops it.
 */
static bool has_left_memory(struct supervisor *s, unsigned seat)
{
	const struct segment *segment = s->segment;
	pid_t holder;

	return !os_locked(segment->fd, OS_LOCK_PLACES + seat - segment->crew_count, 1, &holder) &&
	       os_maps_file((pid_t)program_in(s, seat)->id.pid, &segment->id) == 0;
}

/* Note the process that has written its pid into a seat. */
static void take_up(struct supervisor *s, unsigned seat, pid_t pid)
{
	struct shared_seat *shared = &s->segment->seats[seat];
	struct program *program = program_in(s, seat);

	/* Relaxed, all: handed over by the pid (ATTACH1). */
	program->id = (struct os_process_id){
		.pid = (uint32_t)pid, .start = load_relaxed(&shared->start), .space = load_relaxed(&shared->space)};
	s->role.pids[seat] = pid;
	s->role.generations[seat] = load_relaxed(&shared->generation);
	limits_forget(&s->role.limits, seat);
	/* Asked with the descriptor in hand, which may be of another process by now. */
	(void)forks_pidfd(&program->process, pid);
	program->dead = !programs_known(s, seat);
	if (program->dead)
		forks_close(&program->process);
	program->asked_ns = sheaf_now_ns();
}

/* Repair what the program has left, and free its place. */
static void let_go(struct supervisor *s, unsigned seat, bool left)
{
	struct shared_seat *shared = &s->segment->seats[seat];

	deaths_repair_program(s, seat, left);
	forks_close(&program_in(s, seat)->process);
	s->role.pids[seat] = 0;
	/*
	 * ATTACH3. Release: the next program in the seat comes after the repair. `leaving` stays
	 * until then, for a successor that finds the pid of a process that lives.
	 */
	store_release(&shared->pid, 0);
}

static bool is_leaving(const struct shared_seat *shared)
{
	/* ATTACH2. Acquire: all that it has done was before. */
	return load_acquire(&shared->leaving) != LEAVE_NOT;
}

static void look_at(struct supervisor *s, unsigned seat)
{
	struct shared_seat *shared = &s->segment->seats[seat];
	struct program *program = program_in(s, seat);
	uint64_t now = sheaf_now_ns();
	/* ATTACH1. Acquire: the generation and what tells the process were written before. */
	pid_t pid = load_acquire(&shared->pid);

	if (!s->role.pids[seat] && pid <= 0)
		return;
	if (!s->role.pids[seat])
		take_up(s, seat, pid);
	if (!is_leaving(shared) && !program->dead && !programs_ended(s, seat)) {
		if (now - program->asked_ns < os_parent_check_ns())
			return;
		program->asked_ns = now;
		if (!has_left_memory(s, seat))
			return;
	}
	/* Asked once more: it may have ended just after it had left. */
	let_go(s, seat, is_leaving(shared));
}

void places_look(struct supervisor *s)
{
	uint32_t wanted = 1;

	for (unsigned seat = s->segment->crew_count; seat < s->segment->worker_count; seat++)
		look_at(s, seat);
	/*
	 * Acquire, pairs with attached_wake(): the batch's waiter was claimed
	 * before. A program that dies between the two is repaired, which rings.
	 */
	if (load_relaxed(&s->segment->control->news_wanted) && cas_acquire(&s->segment->control->news_wanted, &wanted, 0))
		news_ring(s->segment);
}
