"""judge.py HOUSE - each check of house.py fails for what is wrong, and for nothing else."""
import contextlib
import io
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

LAYOUT = """/* layout.h - what is shared. */
struct shared_control {
\t_Atomic uint64_t tail;
\t_Atomic uint32_t sleepers[4];
};
"""
RING = """/*
 * ring.c - a ring.
 *
 * Writers           tail: submitters.
 * Edges             R1 -> A1  publish -> claim: hands over the slot.
 * Deaths            None hurts (promise 1).
 */
#include "queue/ring.h"

/* R1, pairs with A1. */
int ring_push(struct segment *segment)
{
\tstore_release(&segment->control->tail, 1);
\treturn 0;
}
"""
HEADER = """/*
 * sheaf.h - a header.
 *
 * Contents
 *   This text  what holds for all
 *   Options    sheaf_options
 *   Batches    sheaf_submit, _with,
 *              sheaf_next
 */
/* ---- Options ---- */
typedef struct sheaf_options {
\tint none;
} sheaf_options;
/* ---- Batches ---- Hand out. */
SHEAF_API int sheaf_submit(void);
SHEAF_API int sheaf_submit_with(void);
SHEAF_API int sheaf_next(void);
"""
SOUND = {
    "include/sheaf.h": HEADER,
    "lib/segment/layout.h": LAYOUT,
    "lib/queue/ring.h": '#include "segment/layout.h"\nint ring_push(struct segment *segment);\n',
    "lib/queue/ring.c": RING,
    "lib/batch/submit.c": '/* submit.c - submits. */\n#include "queue/ring.h"\n\nint sheaf_submit(void)\n{\n'
                          "\treturn ring_push(0);\n}\n",
    "lib/os/linux_shm.c": "/* linux_shm.c - opens. */\n\nstatic int name(void)\n{\n\treturn os_open();\n}\n",
    "lib/os/posix_shm.c": "/* posix_shm.c - opens. */\n\nstatic int name(void)\n{\n\treturn 0;\n}\n",
    "lib/os/shm.c": "/* shm.c - opens. */\n\nint os_open(void)\n{\n\treturn 0;\n}\n",
    "lib/data/csv.c": '/* csv.c - reads. */\n#include "sheaf.h"\n\nint csv(void)\n{\n\treturn sheaf_submit();\n}\n',
    "docs/explanation/edges.md": "R1 and A1, but not `O1`, SIGUSR1, C11 or -O2.\n\n```\nword  O1  F0\n```\n",
    "README.md": "Prose.\n\n| a | table | " + "x " * 60 + "|\n\n```\n" + "code " * 30 + "\n```\n",
}
STATIC = "\nstatic int take(void)\n{\n\treturn 0;\n}\n"
WIDE = "/* " + "wide " * 20 + "*/\n"

# The check, what a file gets in addition (or: its whole text), and how the finding begins.
WRONG = [
    ("includes", {"lib/segment/layout.h": '#include "queue/ring.h"\n'}, "lib/segment/layout.h:6: segment includes "),
    ("includes", {"lib/data/csv.c": '#include "queue/ring.h"\n'}, "lib/data/csv.c:8: data includes queue/ring.h"),
    ("includes", {"lib/queue/ring.c": '#include "sheaf_data.h"\n'}, "lib/queue/ring.c:16: queue includes sheaf_data.h"),
    ("includes", {"lib/attic/old.c": "/* old.c - is in no room. */\n"}, "lib/attic/old.c:1: lib/attic/ is no room"),
    ("calls", {"lib/queue/ring.c": "\nint again(void)\n{\n\treturn sheaf_submit();\n}\n"},
     "lib/queue/ring.c:19: queue uses sheaf_submit() of lib/batch/submit.c"),
    ("calls", {"lib/data/csv.c": "\nint again(void)\n{\n\treturn ring_push(0);\n}\n"},
     "lib/data/csv.c:11: data uses ring_push() of lib/queue/ring.c"),
    ("circles", {"lib/queue/ring.h": '#include "queue/bell.h"\n', "lib/queue/bell.h": '#include "queue/ring.h"\n'},
     "lib/queue/bell.h:1: circle of 2 files by includes: lib/queue/bell.h includes queue/ring.h, lib/queue/ring.h includes "),
    ("circles", {"lib/queue/ring.c": "\nint a(void)\n{\n\treturn b();\n}\n",
                 "lib/queue/bell.c": "/* bell.c - rings. */\n\nint b(void)\n{\n\treturn c();\n}\n",
                 "lib/queue/hook.c": "/* hook.c - hooks. */\n\nint c(void)\n{\n\treturn a();\n}\n"},
     "lib/queue/bell.c:5: circle of 3 files by calls: lib/queue/bell.c uses c() of lib/queue/hook.c, lib/queue/hook.c uses "),
    ("weight", {"lib/queue/ring.c": "\n" * 500}, "lib/queue/ring.c:501: the file has 515 lines"),
    ("weight", {"lib/queue/ring.c": "\nint long_one(void)\n{\n" + "\ta++;\n" * 60 + "}\n"},
     "lib/queue/ring.c:17: long_one() has 63 lines"),
    ("weight", {"include/sheaf.h": "\n" * 584}, "include/sheaf.h:601: the header has 601 lines"),
    ("contents", {"include/sheaf.h": "SHEAF_API int sheaf_wait(void);\n"},
     "include/sheaf.h:7: Contents has for Batches: sheaf_submit, _with, sheaf_next; but there follow: sheaf_submit, "),
    ("contents", {"include/sheaf.h": "/* ---- Cancel ---- */\n"}, "include/sheaf.h:1: Contents has the sections Options, Batches, "),
    ("statics", {"lib/queue/ring.c": STATIC, "lib/batch/submit.c": STATIC},
     "lib/queue/ring.c:17: static take() is also in lib/batch/submit.c"),
    ("statics", {"lib/os/linux_shm.c": "/* Twin. */\n" + STATIC, "lib/os/posix_cpus.c": "/* No twin. */\n" + STATIC},
     "lib/os/posix_cpus.c:3: static take() is also in lib/os/linux_shm.c"),
    ("labels", {"lib/queue/ring.c": "/* P3. */\n"}, 'lib/queue/ring.c:16: P3: say "promise 3"'),
    ("labels", {"README.md": "It is published once (P3).\n"}, 'README.md:8: P3: say "promise 3"'),
    ("labels", {"lib/queue/ring.c": "/* Q7. */\n"}, "lib/queue/ring.c:16: Q7 is defined nowhere"),
    ("labels", {"docs/explanation/ring.md": "| edge | from |\n|---|---|\n| RING3 | publish |\n"},
     "docs/explanation/ring.md:3: RING3 is defined nowhere"),
    ("labels", {"lib/queue/bell.c": "/*\n * bell.c - a bell.\n *\n * Edges   R1 -> B1  again.\n */\n"},
     "lib/queue/ring.c:5: R1 is an edge of lib/queue/bell.c already"),
    ("prose", {"lib/queue/ring.c": WIDE}, "lib/queue/ring.c:16: 105 columns of prose"),
    ("prose", {"lib/queue/ring.c": "\t\t/* " + "tabs count " * 8 + "*/\n"}, "lib/queue/ring.c:16: 109 columns of prose"),
    ("prose", {"README.md": "wide " * 21 + "\n"}, "README.md:8: 104 columns of prose"),
    ("prose", {"tools/test": "#!/bin/sh\n# " + "wide " * 20 + "\n"}, "tools/test:2: 101 columns of prose"),
    ("prose", {"tests/a.py": '"""a.py - wide.\n\n' + "wide " * 21 + '"""\n'}, "tests/a.py:3: "),
    ("heads", {"lib/queue/bell.c": "int bell;\n"}, "lib/queue/bell.c:1: the file begins without a comment"),
    ("heads", {"lib/queue/bell.c": "/* bell.c - rings. */\nint f(struct control *c)\n{\n"
                                   "\treturn fetch_or_relaxed(&c->sleepers[0], 1);\n}\n"},
     'lib/queue/bell.c:4: writes shared memory (sleepers), but its top comment has no paragraph "Deaths"'),
]


def check(house, files, *arguments):
    """The lines that house.py prints for a tree of these files."""
    with tempfile.TemporaryDirectory(prefix="sheaf-house.") as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if "--build" in arguments:
            compile_ring(pathlib.Path(folder))
        with contextlib.redirect_stdout(io.StringIO()) as output:
            code = house.main(["--root", folder, *(word.format(folder) for word in arguments)])
    return code, output.getvalue().splitlines()


def compile_ring(folder):
    """Leaves objects of queue and batch in a build folder, the first of which uses the second."""
    objects = folder / "lib/libsheaf.so.p"
    objects.mkdir()
    for name, text in ("queue_ring.c", "int sheaf_submit(void); int ring_push(void) { return sheaf_submit(); }"), \
                      ("batch_submit.c", "int sheaf_submit(void) { return 0; }"):
        subprocess.run(shlex.split(os.environ.get("CC", "cc")) + ["-x", "c", "-c", "-o", objects / (name + ".o"), "-"],
                       input=text, text=True, check=True)


def main():
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parent))
    import house
    code, lines = check(house, SOUND)
    assert code == 0 and lines[-1] == f"{len(house.checks.CHECKS)} passed, 0 failed", "\n".join(lines)
    for name, additions, finding in WRONG:
        files = dict(SOUND)
        for path, text in additions.items():
            files[path] = files.get(path, "") + text
        code, lines = check(house, files, "--only", name)
        assert code == 1 and lines[-1] == "0 passed, 1 failed", f"{name} passes {additions}"
        assert any(line.startswith(finding) for line in lines), f"{name}: no {finding!r} in\n" + "\n".join(lines)
    code, lines = check(house, SOUND, "--only", "calls,weight", "--build", "{}")
    assert code == 1 and lines[-1] == "1 passed, 1 failed", "\n".join(lines)
    assert lines[0].startswith("lib/queue/ring.c:1: queue uses sheaf_submit() of lib/batch/submit.c"), lines[0]
    code, lines = check(house, SOUND, "--path", "sheaf_submit")
    assert code == 0 and lines[0].startswith("sheaf_submit: 2 files, 1 returns, 3 stays (2 functions with 2 return "), lines[0]
    print(f"{len(WRONG) + 2} trees, all judged right")


main()
