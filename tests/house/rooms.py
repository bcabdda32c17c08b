"""rooms.py - the rooms of the house: which folder of lib/ may stand on which."""
import re

# Each room, in order, and what it stands on: all rooms before it, or only what is named. A header
# that is named stands for what it declares itself and by the headers that it includes.
BEFORE = None
ROOMS = {
    "base": BEFORE,
    "os": BEFORE,
    "segment": BEFORE,
    "trace": BEFORE,
    "queue": BEFORE,
    "member": BEFORE,
    "work": BEFORE,
    "batch": BEFORE,
    "pool": BEFORE,
    "sync": BEFORE,
    # A reader of segments that others own. It takes part in nothing, but knows what is possible.
    "watch": ["base", "os", "segment", "trace", "work/cut.h"],
    # As a program of a user's, but for seven things that sheaf.h has not: it reports errors as the
    # library does (base), it reads from descriptors and replaces files (os), it checks where arrays
    # lie as a map does (pool/holds.h), its jobs name functions (pool/named.h), it has files mapped
    # (pool/mapping.h), and while it reads it has arrays grow (pool/alloc.h) and notices that the
    # pool was interrupted or is over (pool/pool.h).
    "data": ["base", "os", "pool/alloc.h", "pool/holds.h", "pool/mapping.h", "pool/named.h", "pool/pool.h"],
    # On arrays, and for the rest as data: CSV, and files that are computed block by block.
    "table": ["base", "os", "data", "pool/alloc.h", "pool/holds.h", "pool/named.h", "pool/pool.h"],
    # On arrays, and for the rest as a program of a user's, but that its jobs name functions: rows
    # by key.
    "group": ["base", "data", "pool/named.h"],
    # As a program of a user's, but that it reports errors as the library does, that its jobs name
    # functions, and that it asks the system for locks and for what a power cut leaves.
    "resume": ["base", "os", "pool/holds.h", "pool/named.h", "pool/pool.h"],
    # As a program of a user's, but that it reports errors as the library does, that its jobs name
    # functions, and that it checks where arrays lie as a map does.
    "reduce": ["base", "pool/holds.h", "pool/named.h"],
    # As a program of a user's, but that it reports errors as the library does, and that it asks the
    # system for the width of a terminal and for forks.
    "bar": ["base", "os"],
    # The two ways into a pool: they know the functions of all rooms that run in tasks.
    "front": ["base", "pool/create.h", "data", "table", "group", "resume", "reduce"],
    "mpi": [],
    "python": [],
}

# The public headers, and the room that each is written for. Every room may use sheaf.h.
PUBLIC = {
    "sheaf.h": None,
    "sheaf_workers.h": None,
    "sheaf_attach.h": None,
    "sheaf_stream.h": None,
    "sheaf_random.h": None,
    "sheaf_trace.h": None,
    "sheaf_number.h": None,
    "sheaf_adapter.h": None,
    "sheaf_resume.h": None,
    "sheaf_reduce.h": "reduce",
    "sheaf_sync.h": "sync",
    "sheaf_bar.h": "bar",
    "sheaf_inspect.h": "watch",
    "sheaf_data.h": "data",
    "sheaf_file.h": "data",
    "sheaf_exchange.h": "data",
    "sheaf_table.h": "table",
    "sheaf_group.h": "group",
    "sheaf_mpi.h": "mpi",
}

# Twins: files of which a build takes one. What one has, the other may have, too. os/linux_shm.c and
# os/posix_shm.c are twins, and with os/shm.c they make one unit.
TWIN = re.compile(r"lib/os/(linux|posix)(_?)")


def stands_on(room):
    """The rooms and headers that this room may use, besides itself."""
    if ROOMS[room] is not BEFORE:
        return ROOMS[room]
    rooms = list(ROOMS)
    return [name for name in rooms[:rooms.index(room)] if ROOMS[name] is BEFORE]


def may_include(room, header):
    """May a file of this room include this header, named as in #include?"""
    if header in PUBLIC:
        return PUBLIC[header] in [None, room] + stands_on(room)
    return header.split("/")[0] in [room] + stands_on(room) or header in stands_on(room)


def are_twins(paths):
    return len({TWIN.sub("", path) for path in paths}) == 1 and all(TWIN.match(path) for path in paths)


def unit_of(path):
    """What the files have in common that make one unit: x.c, x.h, and the twins of both."""
    return TWIN.sub(lambda found: "lib/os/" if found.group(2) else found.group(), path).rsplit(".", 1)[0]
