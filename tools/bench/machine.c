/*
 * machine.c - asks the system and the compiler what they are.
 */
#include "machine.h"

#include "base/printable.h"

#include <sheaf.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#if defined(__clang__)
#define COMPILER "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__) "." TEXT(__clang_patchlevel__)
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif

#ifdef __OPTIMIZE__
#define OPTIMIZED ""
#else
#define OPTIMIZED ", not optimized"
#endif

/* The file exists on Linux only, and names no model on some of its machines. */
static void cpu_model(char *model, size_t size)
{
	static const char key[] = "model name";
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[512];

	snprintf(model, size, "unknown CPU");
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		colon[strcspn(colon, "\n")] = '\0';
		if (colon[0])
			printable(model, size, colon, strlen(colon));
		break;
	}
	if (file)
		fclose(file);
}

const char *machine_name(char *text, size_t size)
{
	char model[256];
	struct utsname system;

	cpu_model(model, sizeof(model));
	if (uname(&system) < 0)
		system = (struct utsname){.sysname = "unknown system"};
	snprintf(text, size, "%s %s %s, %s%s, %s, %ld CPUs (%u usable)", system.sysname, system.release, system.machine,
		 COMPILER, OPTIMIZED, model, sysconf(_SC_NPROCESSORS_ONLN), sheaf_usable_cpus());
	return text;
}
