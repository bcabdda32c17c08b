/*
 * trace.c - saves the trace of a pool by its name, from outside.
 *
 * A reader writes nothing to the segment, so its death leaves nothing there. A file that is half
 * written has another name.
 */
#include "sheaf_trace.h"

#include "base/cancel.h"
#include "base/error.h"
#include "os/replace.h"
#include "segment/reader.h"
#include "trace/save.h"

#include <errno.h>
#include <string.h>

static int copy_read(const void *context, uint64_t offset, void *bytes, size_t size)
{
	return reader_copy(context, offset, bytes, size);
}

/* Is it an error that reader_copy() has told of? */
static bool has_message(int code)
{
	return code == -ESTALE || code == -EBADMSG;
}

static int save_opened(const struct reader *reader, const char *file)
{
	struct trace_source source = {.copy = copy_read, .context = reader, .header = reader->header};
	struct reader_facts facts;
	int r;

	if (!reader->header.trace_records)
		return sheaf_fail(-EINVAL,
				  "sheaf_trace_save: the pool of %s is not traced: create it with options.tracing, or with "
				  "SHEAF_TRACE=FILE in the environment",
				  reader->name);
	if ((r = reader_look(reader, &facts)))
		return r;
	source.now_ns = facts.owner_lives ? sheaf_now_ns() : 0;
	r = trace_save(&source, file);
	return !r || has_message(r) ? r : sheaf_fail(r, "sheaf_trace_save: cannot write %.200s: %s", file, os_replace_why(r));
}

int sheaf_trace_save(const char *name, const char *file)
{
	struct reader reader;
	int r, cancel;

	if (!name || !file)
		return sheaf_fail(-EINVAL, "sheaf_trace_save: %s is NULL", name ? "file" : "name");
	/* A thread that is cancelled in the midst would leave files open, and a part. */
	cancel = cancel_refuse();
	if (!(r = reader_open(&reader, name))) {
		r = save_opened(&reader, file);
		reader_close(&reader);
	}
	cancel_allow(cancel);
	return r;
}
