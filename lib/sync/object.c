/*
 * object.c - says what is wrong with the place of an object.
 */
#include "sync/object.h"

#include "pool/holds.h"

int object_check_place(sheaf_pool *pool, const char *call, const void *object, size_t size)
{
	int r = pool_holds_array(pool, call, "the object", object, 1, size);

	if (!r && (uintptr_t)object % alignof(uint64_t))
		return sheaf_fail(-EINVAL, "%s: the object at %p is not aligned to %zu bytes", call, object, alignof(uint64_t));
	return r;
}

int object_refuse(const char *call, const void *object)
{
	if (!object)
		return sheaf_fail(-EINVAL, "%s: the object is NULL", call);
	return sheaf_fail(-EINVAL, "%s: there is no such object at %p: was it made, and is it in shared memory?", call, object);
}
