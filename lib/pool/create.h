/*
 * create.h - creates pools and joins them, for sheaf_pool_create() and sheaf_pool_attach(), which
 * know the library's own functions.
 */
#ifndef SHEAF_POOL_CREATE_H
#define SHEAF_POOL_CREATE_H

#include "base/own.h"
#include "sheaf_attach.h"

/* Do what sheaf_pool_create() and sheaf_pool_attach() promise. @own: all lists. */
int pool_create(sheaf_pool **pool, const sheaf_pool_options *options, own_lists *own);
int pool_attach(sheaf_pool **pool, const char *name, const sheaf_attach_options *options, own_lists *own);

#endif
