#!/bin/sh
# what_tasks_see.sh PROGRAM PYTHON - tasks see what the owner had when it created the pool, and
# shared memory as it is now.
. "$(dirname "$0")/expect.sh"

cat >"$folder/wanted" <<'END'
                                 owner at      owner      first     second    after a
                                 creation        now       task       task      death
global variable                         1          2          1          1          1
thread-local variable                   1          2          1          1          1
memory of malloc()                      1          2          1          1          1
memory of sheaf_alloc()                 1          2          2          2          2
pointer that was set later           NULL        set       NULL       NULL       NULL
static counter of tasks                 0          0          1          2          1
next of the random numbers              1          2          1          2          1
environment variable                  one        two        one        one        one
working directory                       /       /dev          /          /          /
umask                                 022        077        022        022        022
file of the owner                    open       open     closed     closed     closed
handler of SIGUSR1              installed  installed       none       none       none
END
expect
finish
