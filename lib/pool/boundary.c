/*
 * boundary.c - the one function that is compiled without unwind tables (see meson.build).
 *
 * An unwinder that finds no table for a frame takes it for the end of the stack. Then the C++
 * library calls std::terminate() with the stack as it was at the throw. So the owner's destructors
 * and handlers, whose frames a worker has inherited, do not run. The function has a file of its
 * own, because the compiler knows these options for whole files only.
 */
#include "pool/boundary.h"

void boundary_call(void (*body)(void *context), void *context)
{
	/* Used after the call, which would else become a jump without this frame. */
	volatile char frame = 0;

	body(context);
	(void)frame;
}
