/*
 * boundary.c - the one function that is compiled without unwind tables (see meson.build).
 *
 * An unwinder that finds no table for a frame takes it for the end of the stack. The C++ library then calls std::terminate() with the
 * stack as it was at the throw, so the owner's destructors and handlers, whose frames a worker has inherited, do not run. A file of its
 * own, as the compiler knows these options for whole files only.
 */
#include "pool/boundary.h"

void boundary_call(void (*body)(void *context), void *context)
{
	volatile char frame = 0; /* used after the call, so that it is no jump: this frame must be there */

	body(context);
	(void)frame;
}
