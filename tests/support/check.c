/*
 * check.c - the end of a program whose check has failed.
 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"
#include "sheaf.h"

void check_fail(enum harm harm, const char *file, int line, const char *condition, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "%s:%d: %s: %s (last message: %s)\n", file, line, condition, text, sheaf_message());
	report_failure(harm);
	exit(1);
}
