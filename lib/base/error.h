/*
 * error.h - how a function says that it failed: by a negative errno, and the facts in a text of the
 * calling thread.
 */
#ifndef SHEAF_BASE_ERROR_H
#define SHEAF_BASE_ERROR_H

#include "sheaf.h"

/*
 * Store the text, made printable, for sheaf_message(), and return @code. Not for the supervisor,
 * which has nobody to tell. Cold: what leads here is kept apart from what succeeds, so that a
 * program that calls after a pause waits for fewer lines of code.
 */
__attribute__((cold)) int sheaf_fail(int code, const char *format, ...) SHEAF_PRINTF(2, 3);

#endif
