/*
 * array_load.c - loads arrays from files into shared memory: checks the call and picks the format.
 */
#include "data/foreign.h"
#include "data/input.h"
#include "data/npy.h"
#include "data/npz.h"

#include <errno.h>
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "pool/pool.h"
#include "table/array_csv.h"

static bool has_suffix(const char *text, const char *suffix)
{
	size_t length = strlen(text);
	size_t suffix_length = strlen(suffix);

	return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

static int load_member(sheaf_array *array, struct input *input, const sheaf_load_options *options)
{
	struct npz_place place;
	int r = npz_find(input->fd, input->path, options->member, &place);

	if (r == 0)
		r = npz_check(input->fd, input->path, &place);
	if (r == 0)
		r = sheaf_input_enter(input, place.at, place.size);
	if (r < 0)
		return r;
	if (!sheaf_npy_recognize(input))
		return sheaf_fail(-EBADMSG, "%s: the array is not an .npy file: its first bytes are not \\x93NUMPY",
				  input->path);
	return sheaf_npy_read(array, input, options);
}

static int load_array(sheaf_array *array, sheaf_pool *pool, const char *path, const sheaf_load_options *options)
{
	struct input input;
	int r = sheaf_input_open(&input, pool, path, options->deadline_ns);

	if (r < 0)
		return r;

	if (input_is_archive(&input))
		r = load_member(array, &input, options);
	else if (options->member != NULL)
		r = sheaf_fail(-EINVAL, "%s: is no .npz file, and options.member is \"%.200s\"", path, options->member);
	else if (sheaf_npy_recognize(&input))
		r = sheaf_npy_read(array, &input, options);
	else if (has_suffix(path, ".npy"))
		r = sheaf_fail(-EBADMSG, "%s: is not an .npy file: its first bytes are not \\x93NUMPY", path);
	else if ((r = foreign_refuse(&input)) == 0)
		r = array_csv_read(array, &input, options);
	sheaf_input_close(&input);
	return r;
}

int sheaf_array_load(sheaf_array *array, sheaf_pool *pool, const char *path, const sheaf_load_options *options)
{
	static const sheaf_load_options defaults = {0};
	sheaf_array loaded = {0};
	int cancel;
	int r;

	if (array == NULL || pool == NULL || path == NULL)
		return sheaf_fail(-EINVAL, "sheaf_array_load: array, pool or path is NULL");
	if (options == NULL)
		options = &defaults;
	if ((unsigned)options->header > SHEAF_HEADER_YES)
		return sheaf_fail(-EINVAL, "sheaf_array_load: options.header is %u, at most %d", (unsigned)options->header,
				  SHEAF_HEADER_YES);
	r = pool_check(pool, "sheaf_array_load");
	if (r < 0)
		return r;

	/* A thread cancelled in the midst would leave its file open and its memory taken. */
	cancel = cancel_refuse();
	r = load_array(&loaded, pool, path, options);
	cancel_allow(cancel);
	if (r < 0)
		return r;

	*array = loaded;
	return 0;
}
