/*
 * guard.h - where the stack protector is left out.
 */
#ifndef SHEAF_BASE_GUARD_H
#define SHEAF_BASE_GUARD_H

/*
 * For a function of a hot path, where a guard would cost six instructions per call. Such a function
 * has only single values on its stack whose address it passes on, and no array but the text of a
 * task, which vsnprintf() alone writes, by its size. So no index and no length can lead a write out
 * of them. A function with arrays that it calls keeps its guard, and must not be inlined into it.
 */
#if defined(__has_attribute)
#if __has_attribute(no_stack_protector)
#define UNGUARDED __attribute__((no_stack_protector))
#endif
#endif
#ifndef UNGUARDED
#define UNGUARDED
#endif

#endif
