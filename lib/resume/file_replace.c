/*
 * file_replace.c - sheaf_file_replace(): a file that is whole under its name, before and after.
 *
 * Deaths            As in os/replace.c: the file is what it was before. After a power cut, too: the
 *                   bytes are on the disk before the name is.
 */
#include "sheaf_resume.h"

#include "base/cancel.h"
#include "base/error.h"
#include "os/replace.h"
#include "os/sync.h"

#include <errno.h>

static int replace_file(const char *path, const void *bytes, size_t size)
{
	char part[PATH_MAX];
	int fd, r;

	if ((fd = os_replace_begin(path, part)) < 0)
		return fd;
	if (!(r = os_replace_write(fd, bytes, size)))
		r = os_sync(fd);
	if ((r = os_replace_end(fd, part, path, r)))
		return r;
	return os_sync_name(path);
}

int sheaf_file_replace(const char *path, const void *bytes, size_t size)
{
	int cancel, r;

	if (!path || (size && !bytes))
		return sheaf_fail(-EINVAL, "sheaf_file_replace: %s is NULL", path ? "bytes" : "path");
	/* A thread that is cancelled in the midst would leave a file open, and a part. */
	cancel = cancel_refuse();
	if ((r = replace_file(path, bytes, size)))
		r = sheaf_fail(r, "sheaf_file_replace: cannot write %.200s: %s", path, os_replace_why(r));
	cancel_allow(cancel);
	return r;
}
