"""named_array.py PROGRAM - arrays in named shared memory, between Python and a pool.

PROGRAM is named_array, built from named_array.c.
"""
import os
import subprocess
import sys
from multiprocessing import resource_tracker, shared_memory

program = sys.argv[1]
name = "named-array-%d" % os.getpid()


def attach(name):
    """Open memory that another program has made, and leave it to that program."""
    if sys.version_info >= (3, 13):
        return shared_memory.SharedMemory(name=name, track=False)
    memory = shared_memory.SharedMemory(name=name)
    resource_tracker.unregister(memory._name, "shared_memory")
    return memory


# A pool makes it, Python reads it.
subprocess.run([program, "make", "/" + name, "1000"], check=True)
memory = attach(name)
numbers = memory.buf.cast("d")
assert list(numbers[:1000]) == [float(i) for i in range(1000)]
numbers.release()
memory.close()
# Python has ended, as it were, and the memory is still there.
subprocess.run([program, "double", "/" + name, "1000"], check=True)
subprocess.run([program, "drop", "/" + name], check=True)

# Python makes it, a pool computes in it.
memory = shared_memory.SharedMemory(name=name, create=True, size=8000)
numbers = memory.buf.cast("d")
for i in range(1000):
    numbers[i] = i
subprocess.run([program, "double", "/" + name, "1000"], check=True)
assert list(numbers[:1000]) == [2.0 * i for i in range(1000)]
numbers.release()
memory.close()
memory.unlink()
print("both ways")
