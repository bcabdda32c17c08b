/*
 * file_job.c - computes a file from another one, in bounded memory: plans it, and has it done.
 *
 * Memory            One allocation: what the tasks know, and a slot for each worker and the caller.
 *                   Of CSV also the lines that are in hand, which a window bounds.
 * Deaths            Of the caller: as in os/replace.c. Of a worker: as in file_block.c.
 */
#include "table/file_job.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/number.h"
#include "data/describe.h"
#include "data/dtype.h"
#include "data/map_file.h"
#include "data/npy.h"
#include "data/npy_format.h"
#include "data/npz.h"
#include "data/reach.h"
#include "data/shape.h"
#include "table/shortest.h"
#include "table/table_text.h"
#include "os/files.h"
#include "os/os.h"
#include "os/replace.h"
#include "os/sync.h"
#include "pool/holds.h"
#include "pool/named.h"
#include "pool/pool.h"
#include "sheaf_stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MEMORY ((size_t)64 << 20)
#define UNIT_SIZE ((size_t)64 * 1024)   /* what sheaf_alloc() rounds up to */
#define LARGEST_BLOCK ((size_t)1 << 20) /* what a cache holds; longer ones gain nothing */

static const char call_name[] = "sheaf_map_file";

/* ---- what there is ---- */

/* Read what the input has. */
static int look_at_input(sheaf_pool *pool, const sheaf_file_job *wanted, struct file_job *job)
{
	static const sheaf_load_options defaults = {.deadline_ns = 0};
	struct npz_place place;
	struct npy_file file;
	struct input input;
	int r = file_absolute(wanted->in, job->in_path);

	if (r)
		return sheaf_fail(r, "%s: cannot read %.200s: %s", call_name, wanted->in, strerror(-r));
	if ((r = input_open_regular(&input, pool, wanted->in, ", so its blocks cannot be read by themselves")))
		return r;
	if ((r = os_file_note(input.fd, &job->in_id)))
		r = sheaf_fail(r, "%s: cannot read: %s", wanted->in, strerror(-r));
	else if (input_is_archive(&input) && !(r = npz_find(input.fd, input.path, wanted->member, &place)))
		r = sheaf_input_enter(&input, place.at, place.size);
	if (!r && !sheaf_npy_recognize(&input))
		r = sheaf_fail(-EBADMSG, "%s: is not an .npy file: its first bytes are not \\x93NUMPY", wanted->in);
	if (!r)
		r = sheaf_npy_describe(&input, &defaults, &file);
	sheaf_input_close(&input);
	if (r)
		return r;
	if (!file.array.dimensions || !sheaf_array_is_contiguous(&file.array))
		return sheaf_fail(-ENOTSUP, "%s: has no rows in one piece: it is in Fortran order, or without dimensions",
				  wanted->in);
	job->in = file.array;
	job->in_at = input.begin + file.values_at;
	job->swapped = file.swapped;
	job->rows = file.array.shape[0];
	job->in_row = job->rows ? file.size / job->rows : file.array.item_size;
	return 0;
}

static bool ends_with(const char *text, const char *ending)
{
	size_t length = strlen(text), size = strlen(ending);

	return length >= size && !strcmp(text + length - size, ending);
}

/* Describe the output: a row for each of the input. */
static int describe_output(const sheaf_file_job *wanted, struct file_job *job)
{
	sheaf_layout layout = {.type = wanted->type, .item_size = wanted->item_size, .dimensions = wanted->dimensions + 1};
	struct file_part part;
	int r;

	if (dtype_size(wanted->type) == 0 && !wanted->item_size)
		return sheaf_fail(-EINVAL, "%s: job.type is %s, and job.item_size 0: say how many bytes an item has", call_name,
				  describe_type(wanted->type));
	if (wanted->dimensions >= SHEAF_MAX_DIMENSIONS)
		return sheaf_fail(-EINVAL, "%s: job.dimensions is %u, at most %u", call_name, wanted->dimensions,
				  SHEAF_MAX_DIMENSIONS - 1);
	layout.shape[0] = job->rows;
	memcpy(layout.shape + 1, wanted->shape, wanted->dimensions * sizeof(layout.shape[0]));
	if ((r = file_describe(call_name, &layout, &part)))
		return r;
	job->out = part.array;
	job->out.data = NULL;
	job->out_row = (size_t)job->out.strides[0];
	if ((job->text = ends_with(wanted->out, ".csv")) &&
	    (wanted->dimensions > 1 || (wanted->dimensions && !wanted->shape[0]) || !table_can_write(wanted->type)))
		return sheaf_fail(-EINVAL, "%s: %.200s: rows of %u dimensions of %s cannot be written as CSV", call_name,
				  wanted->out, wanted->dimensions, describe_type(wanted->type));
	return 0;
}

/* ---- how much of it at once ---- */

/* Tell how many bytes a row takes in a slot and, as text, in the window. False: it does not fit. */
static bool cost_of_row(const struct file_job *job, size_t *slot, size_t *text)
{
	size_t items = job->out_row / (job->out.item_size ? job->out.item_size : 1);
	size_t longest = job->out.type == SHEAF_BYTES ? 2 * job->out.item_size + 3 : SHORTEST_ROOM + 1;

	*slot = job->in_row + job->out_row;
	*text = 0;
	return *slot >= job->in_row && *slot <= SIZE_MAX / 4 && (!job->text || checked_multiply(items + 1, longest, text)) &&
	       *text <= SIZE_MAX / 4;
}

/*
 * Choose how many rows a block has. Of the memory each slot takes a block with its halo and its
 * result, and each position of the window the lines of one.
 */
static int choose_block(struct file_job *job, size_t wanted, unsigned window)
{
	size_t memory = wanted - wanted % UNIT_SIZE; /* as sheaf_alloc() rounds up */
	size_t fixed = sizeof(*job) + 64, row, text, each, halo, rows;

	if (!cost_of_row(job, &row, &text) || !checked_multiply(job->in_row, 2 * job->halo, &halo) ||
	    !checked_multiply(halo, job->slot_count, &halo) || job->halo > SIZE_MAX / 4)
		return sheaf_fail(-EOVERFLOW, "%s: rows of %zu and %zu bytes, with a halo of %zu rows, do not fit in memory",
				  call_name, job->in_row, job->out_row, job->halo);
	each = job->slot_count * row + window * text;
	fixed += halo + job->slot_count * (size_t)128;
	if (memory < fixed || memory - fixed < each)
		return sheaf_fail(-EINVAL,
				  "%s: job.memory is %zu, and a row for each of %u members, with halos, takes %zu bytes: "
				  "allow as much",
				  call_name, wanted, job->slot_count, (size_t)round_up(fixed + each, UNIT_SIZE));
	rows = each ? (memory - fixed) / each : job->rows;
	if (row && rows > LARGEST_BLOCK / row)
		rows = LARGEST_BLOCK / row ? LARGEST_BLOCK / row : 1;
	/* Each worker has something to do. */
	if (rows > job->rows / job->slot_count + 1)
		rows = job->rows / job->slot_count + 1;
	job->block_rows = rows;
	job->out_in_slot = (size_t)round_up((rows + 2 * job->halo) * job->in_row, 64);
	job->slot_size = job->out_in_slot + (size_t)round_up(rows * job->out_row, 64);
	return 0;
}

/* ---- the output ---- */

static int do_blocks(sheaf_pool *pool, struct file_job *job, int fd, const sheaf_map_options *options)
{
	sheaf_map_options with = options ? *options : (sheaf_map_options){.grain = 0};
	unsigned char header[NPY_HEADER];
	size_t size = npy_format(&job->out, false, header);
	uint64_t bytes = (uint64_t)job->rows * job->out_row;
	int r = os_replace_write(fd, header, size);

	job->out_at = size;
	if (!r && !os_file_fits(size, bytes))
		r = -EFBIG;
	if (!r && bytes)
		r = os_commit(fd, 0, size + bytes, NULL);
	if (r)
		return sheaf_fail(r, "%s: cannot take %llu bytes for %.200s: %s", call_name, (unsigned long long)size + bytes,
				  job->out_path, strerror(-r));
	with.grain = 1;
	return sheaf_for(pool, file_job_range, job, file_job_blocks(job), &with);
}

struct lines {
	const struct file_job *job;
	size_t next;
};

static int give_lines(void *context, sheaf_item *item)
{
	struct lines *lines = context;

	if (lines->next == file_job_blocks(lines->job))
		return 0;
	*item = (sheaf_item){
		.position = lines->next++, .fn = file_job_lines, .arg = &lines->job, .arg_size = sizeof(lines->job)};
	return 1;
}

/* Have lines made, and write them in order. */
static int do_lines(sheaf_pool *pool, const struct file_job *job, int fd, unsigned window, const sheaf_map_options *options)
{
	sheaf_batch_options how = {.flags = SHEAF_NO_TIMES, .window = window, .on_error = SHEAF_CANCEL_REST};
	uint64_t deadline_ns = options && options->deadline_ns ? options->deadline_ns : SHEAF_FOREVER;
	struct lines lines = {.job = job};
	sheaf_batch *batch;
	sheaf_result result;
	int r;

	if (options) {
		how.max_attempts = options->max_attempts;
		how.task_timeout_ns = options->task_timeout_ns;
		how.priority = options->priority;
		how.grace_ns = options->grace_ns;
		how.caller_works = options->caller_works;
	}
	if ((r = sheaf_batch_create(&batch, pool, &how)))
		return r;
	r = sheaf_feed(batch, give_lines, &lines);
	while (!r && (r = sheaf_next(batch, &result, deadline_ns)) == 1) {
		if ((r = result.status))
			sheaf_fail(r, "%s: block %llu: %s", call_name, (unsigned long long)result.position,
				   result.message[0] ? result.message : sheaf_strerror(r));
		else if ((r = os_replace_write(fd, result.data, result.size)))
			sheaf_fail(r, "%s: cannot write %.200s: %s", call_name, job->out_path, strerror(-r));
	}
	sheaf_batch_retire(batch);
	return r == -ETIMEDOUT ? -ETIME : r;
}

/* Make the output, under another name until it is whole. */
static int make_output(sheaf_pool *pool, struct file_job *job, const sheaf_file_job *wanted, unsigned window,
		       const sheaf_map_options *options)
{
	char out[PATH_MAX];
	int r = file_absolute(wanted->out, out), fd, ended;

	if (!r && (fd = os_replace_begin(out, job->out_path)) < 0)
		r = fd;
	if (r)
		return sheaf_fail(r, "%s: cannot make %.200s: %s", call_name, wanted->out, os_replace_why(r));
	r = job->text ? do_lines(pool, job, fd, window, options) : do_blocks(pool, job, fd, options);
	if (!r && wanted->durable && (r = os_sync(fd)))
		sheaf_fail(r, "%s: cannot write %.200s: %s", call_name, wanted->out, strerror(-r));
	ended = os_replace_end(fd, job->out_path, out, r);
	if (!r && (r = ended))
		sheaf_fail(r, "%s: cannot write %.200s: %s", call_name, wanted->out, strerror(-r));
	if (!r && wanted->durable && (r = os_sync_name(out)))
		sheaf_fail(r, "%s: cannot make the name of %.200s safe: %s", call_name, wanted->out, strerror(-r));
	return r;
}

/* ---- the call ---- */

static int check_file_job(const sheaf_pool *pool, sheaf_block_fn *fn, const sheaf_file_job *job,
			  const sheaf_map_options *options)
{
	int r;

	if (!fn || !job || !job->in || !job->out)
		return sheaf_fail(-EINVAL, "%s: fn, job, job.in or job.out is NULL", call_name);
	if ((r = pool_check(pool, call_name)) || (r = reach_check_options(call_name, options)))
		return r;
	if (job->context_size > FILE_CONTEXT)
		return sheaf_fail(-EINVAL, "%s: job.context_size is %zu, at most %d", call_name, job->context_size,
				  FILE_CONTEXT);
	return pool_holds_context(pool, call_name, "job.", job->context, job->context_size);
}

/* Put what the tasks know into shared memory, and do the job. */
static int run_plan(sheaf_pool *pool, const struct file_job *plan, const sheaf_file_job *wanted, unsigned window,
		    const sheaf_map_options *options)
{
	size_t front = (size_t)round_up(sizeof(*plan), 64);
	struct file_job *job;
	void *memory;
	int r = sheaf_alloc(pool, front + plan->slot_count * plan->slot_size, &memory);

	if (r)
		return r;
	job = memory;
	*job = *plan;
	job->slots = (unsigned char *)memory + front;
	job->context = wanted->context;
	if (wanted->context_size)
		job->context = memcpy(job->copy, wanted->context, wanted->context_size);
	r = make_output(pool, job, wanted, window, options);
	sheaf_free(pool, memory);
	return r;
}

int sheaf_map_file(sheaf_pool *pool, sheaf_block_fn *fn, const sheaf_file_job *wanted, const sheaf_map_options *options)
{
	struct file_job plan = {0};
	size_t memory;
	unsigned window;
	int r = check_file_job(pool, fn, wanted, options), cancel;

	if (r || (r = pool_name_function(pool, call_name, (any_fn *)fn, &plan.fn)))
		return r;
	memory = wanted->memory ? wanted->memory : DEFAULT_MEMORY;
	plan.halo = wanted->halo;
	plan.slot_count = pool_workers(pool) + 1;
	window = 2 * plan.slot_count;
	/* A thread that is cancelled in the midst would leave files open, and memory taken. */
	cancel = cancel_refuse();
	r = look_at_input(pool, wanted, &plan);
	if (!r)
		r = describe_output(wanted, &plan);
	if (!r)
		r = choose_block(&plan, memory, plan.text ? window : 0);
	if (!r)
		r = run_plan(pool, &plan, wanted, window, options);
	cancel_allow(cancel);
	return r;
}
