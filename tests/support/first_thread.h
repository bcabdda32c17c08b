/*
 * first_thread.h - a process whose first thread has ended, as hosts that call pthread_exit() in
 * main() make it.
 */
#ifndef SHEAF_TESTS_SUPPORT_FIRST_THREAD_H
#define SHEAF_TESTS_SUPPORT_FIRST_THREAD_H

#include "children.h"

/*
 * End the calling thread, which is the first of a child of child_start(), and go on in another one:
 * it waits until the system shows the first as ended, then @fn(@context) runs, and the process ends
 * with the code that it returns. @context stays valid on the stack of the caller. Returns only if
 * there is no other thread: 125.
 */
int end_first_thread(child_fn *fn, void *context);

#endif
