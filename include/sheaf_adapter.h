/*
 * sheaf_adapter.h - for libraries and bindings that stand on Sheaf: to fail as its functions do.
 */
#ifndef SHEAF_ADAPTER_H
#define SHEAF_ADAPTER_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * sheaf_message_set() - set what sheaf_message() gives in the calling thread
 * @code: what the function that fails will return; any value
 *
 * The text is made printable, as every message, and cut to 1023 bytes. Any thread may call it, and
 * any process; a signal handler may not.
 * Return: @code.
 */
SHEAF_API int sheaf_message_set(int code, const char *format, ...) SHEAF_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif

#endif
