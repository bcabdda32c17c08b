/*
 * checkpoint.c - reads and writes the journal of sheaf_resume.h: a record for each chunk.
 *
 * A record has the results that the root has in its array. Those in a file are there already when
 * the root learns that a chunk is done, so such a record has no bytes, as that of a loop.
 */
#include "mpi/checkpoint.h"

#include "sheaf_adapter.h"
#include "sheaf_resume.h"

#include <errno.h>
#include <string.h>

/* Name the job by all that its results depend on, as far as it is known here. */
static int identify(const struct job *job, sheaf_identity *identity)
{
	const char *dtype = job->options.dtype ? job->options.dtype : "";
	const uint64_t numbers[] = {job->kind, job->n, job->in_size, job->out_size, (uint64_t)job->options.results};
	int r = sheaf_identity_begin(identity, job->options.checkpoint_name, 0);

	if (!r)
		r = sheaf_identity_add(identity, "arguments", numbers, sizeof(numbers));
	if (!r)
		r = sheaf_identity_add(identity, "dtype", dtype, strlen(dtype));
	if (!r && job->in_size)
		r = sheaf_identity_add(identity, "input", job->in, (size_t)job->n * job->in_size);
	return r;
}

int checkpoint_open(struct job *job)
{
	sheaf_identity identity;
	int r;

	if (!job->options.checkpoint)
		return 0;
	if ((r = identify(job, &identity)) ||
	    (r = sheaf_journal_open(&job->checkpoint, job->options.checkpoint, &identity, NULL)))
		return r;
	job->options.journal = job->checkpoint;
	return 0;
}

int checkpoint_close(struct job *job)
{
	sheaf_journal *journal = job->checkpoint;

	job->checkpoint = NULL;
	return journal ? sheaf_journal_close(journal) : 0;
}

struct load {
	const struct job *job;
	struct ledger *ledger;
};

/* Return the bytes that a record has of each position. */
static size_t bytes_each(const struct job *job)
{
	return job->kind == JOB_MAP && job->options.results != SHEAF_RESULTS_IN_FILE ? job->out_size : 0;
}

static int load_record(void *context, const sheaf_journal_record *record)
{
	const struct load *load = context;
	const struct job *job = load->job;
	size_t each = bytes_each(job);

	if (record->count > job->n || record->first > job->n - record->count || record->size != record->count * each)
		return sheaf_message_set(
			-EINVAL,
			"%s: the journal has %zu bytes of %llu positions from %llu on, which does not fit this "
			"n and out_size: give a job with others another identity",
			job->call, record->size, (unsigned long long)record->count, (unsigned long long)record->first);
	if (record->size)
		memcpy(job->out + record->first * each, record->bytes, record->size);
	if (!ledger_skip(load->ledger, (struct span){record->first, record->first + record->count}))
		return sheaf_message_set(-ENOMEM, "%s: no memory for what the journal has", job->call);
	return 0;
}

int checkpoint_load(const struct job *job, struct ledger *ledger)
{
	struct load load = {.job = job, .ledger = ledger};

	return job->options.journal ? sheaf_journal_each(job->options.journal, load_record, &load) : 0;
}

int checkpoint_note(const struct job *job, struct span chunk)
{
	size_t each = bytes_each(job);
	uint64_t count = chunk.end - chunk.begin;

	if (!job->options.journal)
		return 0;
	return sheaf_journal_append(job->options.journal, chunk.begin, count, each ? job->out + chunk.begin * each : NULL,
				    (size_t)count * each);
}

bool checkpoint_is_begun(const struct job *job)
{
	sheaf_journal_info info;

	return job->options.journal && !sheaf_journal_get_info(job->options.journal, &info) && info.positions;
}
