"""layout.py SOURCE_ROOT - the offset tables in docs/explanation/segment.md are those of
lib/segment/layout.h and its parts lib/segment/mapping.h, seat.h and record.h.

The fields are read from the headers, their offsets and sizes from a program that the compiler in
CC makes of them. So a field that was added, removed, moved or resized makes this fail, and so
does a table of a struct that does not exist. The tables hold for 64-bit systems whose sem_t has
32 bytes; elsewhere the test is skipped.

A table stands below a heading "### `struct NAME`: SIZE bytes" and begins with the columns
offset, size and field.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

SKIPPED = 77
STRUCT = re.compile(r"^struct (shared_\w+) \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
NESTED = re.compile(r"\b(?:union|struct) \{[^{}]*\}")
HEADING = re.compile(r"^### `struct (\w+)`: (\d+) bytes$")
ROW = re.compile(r"^\| (\d+) \| (\d+) \| `(\w+)` \|")


def structs_of(header):
    """The names of the shared structs and of their fields, in order. What a field consists of
    itself is left out."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    structs = {}
    for name, body in STRUCT.findall(text):
        body = re.sub(r"_Alignas\(\w+\)", "", body)
        while NESTED.search(body):
            body = NESTED.sub("nested", body)
        fields = [re.sub(r"\[[^\]]*\]", "", line).split() for line in body.split(";")]
        structs[name] = [words[-1] for words in fields if words]
    return structs


def program_of(structs):
    lines = ['#include "segment/layout.h"', "#include <stddef.h>", "#include <stdio.h>", "int main(void)", "{"]
    lines.append("\tif (sizeof(void *) != 8 || sizeof(sem_t) != 32)\n\t\treturn %d;" % SKIPPED)
    for name, fields in structs.items():
        lines.append('\tprintf("%s %%zu\\n", sizeof(struct %s));' % (name, name))
        for field in fields:
            lines.append('\tprintf("%%zu %%zu %s\\n", offsetof(struct %s, %s), sizeof(((struct %s *)0)->%s));'
                         % (field, name, field, name, field))
    return "\n".join(lines + ["\treturn 0;", "}", ""])


def layout_of(root, structs):
    """What the compiler says: {struct: (size, [(offset, size, field)])}. None: another system."""
    with tempfile.TemporaryDirectory(prefix="sheaf-layout.") as folder:
        source, program = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
        pathlib.Path(source).write_text(program_of(structs), encoding="utf-8")
        subprocess.run(shlex.split(os.environ.get("CC", "cc")) + ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-I", root / "include",
                       "-I", root / "lib", "-o", program, source], check=True)
        run = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    if run.returncode == SKIPPED:
        return None
    layout = {}
    for line in run.stdout.splitlines():
        words = line.split()
        if len(words) == 2:
            rows = []
            layout[words[0]] = (int(words[1]), rows)
        else:
            rows.append((int(words[0]), int(words[1]), words[2]))
    return layout


def tables_of(page):
    tables = {}
    rows = []
    for line in page.splitlines():
        heading, row = HEADING.match(line), ROW.match(line)
        if heading:
            rows = []
            tables[heading.group(1)] = (int(heading.group(2)), rows)
        elif row:
            rows.append((int(row.group(1)), int(row.group(2)), row.group(3)))
    return tables


def main():
    root = pathlib.Path(sys.argv[1])
    headers = [root / "lib/segment" / name for name in ("mapping.h", "seat.h", "record.h", "layout.h")]
    structs = structs_of("".join(header.read_text(encoding="utf-8") for header in headers))
    tables = tables_of((root / "docs/explanation/segment.md").read_text(encoding="utf-8"))
    layout = layout_of(root, structs)
    if layout is None:
        print("layout.py: skipped: the tables are those of another kind of system")
        return SKIPPED
    wrong = 0
    for name in sorted(set(layout) | set(tables)):
        size, rows = layout.get(name, (0, []))
        told_size, told_rows = tables.get(name, (0, []))
        if size != told_size:
            print("struct %s has %d bytes, segment.md says %d" % (name, size, told_size))
            wrong += 1
        for row in sorted(set(rows) ^ set(told_rows)):
            print("struct %s: %s: offset %d, size %d, field %s"
                  % (name, "missing in segment.md" if row in rows else "wrong in segment.md", *row))
            wrong += 1
    print("%d structs, %d fields, %d wrong" % (len(layout), sum(len(rows) for _, rows in layout.values()), wrong))
    return 1 if wrong or not layout else 0


sys.exit(main())
