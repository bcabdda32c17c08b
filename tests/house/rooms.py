"""rooms.py - the rooms of the house: which folder of lib/ may stand on which."""

# Each room, in order, and what it stands on: all rooms before it, or only what is named. A header
# that is named stands for what it declares itself and by the headers that it includes.
BEFORE = None
ROOMS = {
    "base": BEFORE,
    "os": BEFORE,
    "segment": BEFORE,
    "queue": BEFORE,
    "member": BEFORE,
    "work": BEFORE,
    "batch": BEFORE,
    "pool": BEFORE,
    "sync": BEFORE,
    # A reader of segments that others own: it takes part in nothing.
    "watch": ["base", "os", "segment"],
    # As a program of a user's, but for three things that sheaf.h has not: it reports errors as the
    # library does (base), it reads from descriptors and commits memory (os), and while it reads it
    # has arrays grow and notices that the pool was interrupted or is over (pool/pool.h).
    "data": ["base", "os", "pool/pool.h"],
    "mpi": [],
    "python": [],
}

# The public headers, and the room that each is written for. Every room may use sheaf.h.
PUBLIC = {
    "sheaf.h": None,
    "sheaf_sync.h": "sync",
    "sheaf_inspect.h": "watch",
    "sheaf_data.h": "data",
    "sheaf_mpi.h": "mpi",
}

# Files of which a build takes one: what one has, the other may have, too.
TWINS = [{"lib/os/linux.c", "lib/os/posix.c"}]


def stands_on(room):
    """The rooms and headers that this room may use, besides itself."""
    if ROOMS[room] is not BEFORE:
        return ROOMS[room]
    rooms = list(ROOMS)
    return [name for name in rooms[:rooms.index(room)] if ROOMS[name] is BEFORE]


def may_include(room, header):
    """May a file of this room include this header, named as in #include?"""
    if header in PUBLIC:
        return PUBLIC[header] in (None, room)
    return header.split("/")[0] in [room] + stands_on(room) or header in stands_on(room)


def are_twins(paths):
    return any(set(paths) <= twins for twins in TWINS)
