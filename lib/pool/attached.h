/*
 * attached.h - what a program that has joined does for its part of the pool.
 */
#ifndef SHEAF_POOL_ATTACHED_H
#define SHEAF_POOL_ATTACHED_H

#include "member/member.h"

extern const struct member_ops attached_ops;

/* Wake the supervisor: see struct segment. */
void attached_wake(const struct segment *segment, bool news);

/* As ops of such a program, and of the tasks that it runs. */
int attached_look_for(struct member *member);
bool attached_ended(struct member *member);

#endif
