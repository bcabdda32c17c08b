/*
 * npy_save.c - writes an array to an .npy file, of version 1.0.
 *
 * Deaths            As in os/replace.c: the file is what it was before.
 */
#include "data/npy_format.h"
#include "data/shape.h"

#include "base/cancel.h"
#include "base/error.h"
#include "os/replace.h"

#include <errno.h>
#include <string.h>

static int save_array(const sheaf_array *array, const char *path)
{
	unsigned char header[NPY_HEADER];
	char part[PATH_MAX];
	bool fortran = !sheaf_array_is_contiguous(array) && shape_is_fortran(array);
	int fd, r;

	if ((fd = os_replace_begin(path, part)) < 0)
		return sheaf_fail(fd, "sheaf_array_save: cannot make %.200s: %s", path, os_replace_why(fd));
	r = os_replace_write(fd, header, npy_format(array, fortran, header));
	if (!r)
		r = npy_write_items(fd, array, fortran);
	if ((r = os_replace_end(fd, part, path, r)))
		return sheaf_fail(r, "sheaf_array_save: cannot write %.200s: %s", path, strerror(-r));
	return 0;
}

int sheaf_array_save(const sheaf_array *array, const char *path)
{
	int r = shape_check("sheaf_array_save", "array", array), cancel;

	if (r || !path)
		return r ? r : sheaf_fail(-EINVAL, "sheaf_array_save: path is NULL");
	/* A thread that is cancelled in the midst would leave a file open, and a part. */
	cancel = cancel_refuse();
	r = save_array(array, path);
	cancel_allow(cancel);
	return r;
}
