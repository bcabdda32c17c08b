/*
 * ledger.c - tasks that change the same table, some of which die in the middle of a change.
 *
 * Each position moves money from one account to another, under a mutex. A worker that is killed
 * between the two halves of a move leaves the mutex to the next one, which is told so and undoes
 * the half, by a note that was made before. Each move is marked as made, together with the move
 * itself, because a task whose worker died runs again. So the accounts are the same in the end,
 * whoever dies. A semaphore lets at most two tasks ask the slow bank at once.
 *
 * Run: build/docs/examples/ledger [--workers N] [--kills]
 */
#include "support/example.h"

#include <errno.h>
#include <sheaf_sync.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

enum { ACCOUNTS = 50, START = 1000, MOVES = 2000 };

struct ledger {
	sheaf_mutex mutex;
	sheaf_semaphore *bank;
	sheaf_counter *asked;
	long account[ACCOUNTS];
	bool made[MOVES];
	/* the move that is being made, and what the accounts had before */
	struct {
		bool open;
		size_t move, from, to;
		long from_had, to_had;
	} note;
	bool kills;
};

/* Keep the compiler from moving a store over this line: a kill then finds what the code says. */
#define IN_THIS_ORDER() atomic_signal_fence(memory_order_seq_cst)

/* Undo the half of a move, if there is one. */
static void mend(struct ledger *ledger)
{
	if (!ledger->note.open)
		return;
	ledger->account[ledger->note.from] = ledger->note.from_had;
	ledger->account[ledger->note.to] = ledger->note.to_had;
	ledger->made[ledger->note.move] = false;
	IN_THIS_ORDER();
	ledger->note.open = false;
}

static void move(struct ledger *ledger, sheaf_task *task, size_t number)
{
	size_t from = number % ACCOUNTS, to = (number * 7 + 3) % ACCOUNTS;
	long amount = (long)(number % 90) + 1;
	bool dies = ledger->kills && number % 100 == 50 && sheaf_task_attempt(task) == 1;

	if (ledger->made[number] || from == to)
		return;
	ledger->note.move = number;
	ledger->note.from = from;
	ledger->note.to = to;
	ledger->note.from_had = ledger->account[from];
	ledger->note.to_had = ledger->account[to];
	IN_THIS_ORDER();
	ledger->note.open = true;
	IN_THIS_ORDER();
	ledger->account[from] -= amount;
	if (dies)
		raise(SIGKILL);
	ledger->account[to] += amount;
	ledger->made[number] = true;
	IN_THIS_ORDER();
	ledger->note.open = false;
}

static int transfer(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct ledger *ledger = context;
	int r;

	for (size_t i = begin; i < end; i++) {
		if ((r = sheaf_semaphore_acquire(ledger->bank, SHEAF_FOREVER)))
			return r;
		sheaf_counter_add(ledger->asked, 1);
		if ((r = sheaf_semaphore_release(ledger->bank)))
			return r;
		r = sheaf_mutex_lock(&ledger->mutex, SHEAF_FOREVER);
		if (r == -EOWNERDEAD) {
			mend(ledger);
			r = sheaf_mutex_mend(&ledger->mutex);
		}
		if (r)
			return r;
		move(ledger, task, i);
		if ((r = sheaf_mutex_unlock(&ledger->mutex)))
			return r;
	}
	return 0;
}

static int run(sheaf_pool *pool, bool kills)
{
	struct ledger *ledger;
	unsigned long mixed = 0;
	long sum = 0;
	void *memory;
	int r;

	if ((r = sheaf_alloc(pool, sizeof(*ledger), &memory)))
		return r;
	ledger = memory;
	ledger->kills = kills;
	if ((r = sheaf_mutex_init(pool, &ledger->mutex)) || (r = sheaf_semaphore_create(pool, 2, &ledger->bank)) ||
	    (r = sheaf_counter_create(pool, &ledger->asked)))
		return r;
	for (int i = 0; i < ACCOUNTS; i++)
		ledger->account[i] = START;
	if ((r = sheaf_for(pool, transfer, ledger, MOVES, NULL)))
		return r;
	for (int i = 0; i < ACCOUNTS; i++) {
		sum += ledger->account[i];
		mixed = mixed * 31 + (unsigned long)ledger->account[i];
	}
	printf("all accounts together: %ld of %d\n", sum, ACCOUNTS * START);
	printf("each of them, mixed: %lu\n", mixed % 1000000007);
	printf("the bank was asked for each move: %s\n", sheaf_counter_sum(ledger->asked) >= MOVES ? "yes" : "no");
	return 0;
}

int main(int argc, char **argv)
{
	bool kills = false;
	const struct example_option options[] = {{.name = "--kills", .help = "some workers are killed", .flag = &kills}, {0}};
	sheaf_pool_options pool_options = {.workers = example_options(argc, argv, options)};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &pool_options);

	if (!r) {
		r = run(pool, kills);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
