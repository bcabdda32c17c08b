/*
 * boundary.h - where a worker's stack ends for an unwinder.
 */
#ifndef SHEAF_POOL_BOUNDARY_H
#define SHEAF_POOL_BOUNDARY_H

/*
 * Call @body(@context). An exception that @body does not catch finds no frame above it, so
 * std::terminate() is called where it was thrown.
 */
void boundary_call(void (*body)(void *context), void *context);

#endif
