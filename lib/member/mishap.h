/*
 * mishap.h - a hook of a worker has failed: noted by the supervisor, told by the owner.
 */
#ifndef SHEAF_MEMBER_MISHAP_H
#define SHEAF_MEMBER_MISHAP_H

#include "segment/segment.h"

struct mishap {
	enum hook hook;
	unsigned worker;
	int code;      /* a negative errno: what init returned; -ETIMEDOUT: late; else -ECHILD */
	int signal;    /* 0: none */
	int exit_code; /* -1: none */
	uint32_t way;  /* enum death_way, or 0 */
	char text[HOOK_TEXT];
};

/* Note a mishap in the segment, as the last one of its kind. One caller at a time. */
void mishap_note(struct segment *segment, const struct mishap *mishap);

/*
 * Say why an init hook has failed, by sheaf_fail(), if one has. @before: of the message. After a
 * word that was stored with release order behind mishap_note(). 0: none has; else its code.
 */
int mishap_fail_init(const struct segment *segment, const char *before);

/* Say that exit hooks have failed, if some have. 0; -ECHILD with its message. */
int mishap_fail_exit(const struct segment *segment);

#endif
