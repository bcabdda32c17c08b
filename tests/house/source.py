"""source.py - what the checks know of the sources: files, comments, functions, includes.

C code is not compiled but read as text, as clang-format lays it out here: a function's body begins
with a "{" alone in the first column and ends with a "}" there, and nothing else does.
"""
import functools
import pathlib
import re

import rooms

BLOCK = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
WORD = re.compile(r"\b[A-Za-z_]\w*\b")


class Function:
    """A function with a body. Its lines are numbered from 1 on, from the signature to the brace."""

    def __init__(self, file, name, static, signature, first, last):
        self.file, self.name, self.static, self.signature = file, name, static, signature
        self.first, self.last = first, last

    @property
    def length(self):
        return self.last - self.first + 1

    @functools.cached_property
    def body(self):
        """Its lines without comments and strings."""
        return "\n".join(self.file.code.split("\n")[self.first - 1:self.last])


class File:
    """A text file: its name from the root on, and its text."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")

    @functools.cached_property
    def lines(self):
        return self.text.split("\n")

    @functools.cached_property
    def length(self):
        return self.text.count("\n")

    @property
    def room(self):
        """The folder below lib/."""
        return self.path.split("/")[1]

    @property
    def unit(self):
        """What it has in common with other files that make one unit with it."""
        return rooms.unit_of(self.path)

    @property
    def name(self):
        """As #include gives it."""
        return self.path.split("/", 1)[1]

    @functools.cached_property
    def code(self):
        """The text with blanks in place of comments and strings, but for line breaks."""
        return BLOCK.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), self.text)

    @functools.cached_property
    def comments(self):
        """The text with blanks in place of everything but comments."""
        kept = []
        for found in BLOCK.finditer(self.text):
            if found.group().startswith("/"):
                kept.append(found.span())
        text, at = [], 0
        for start, end in kept:
            text += [re.sub(r"[^\n\t]", " ", self.text[at:start]), self.text[start:end]]
            at = end
        return "".join(text + [re.sub(r"[^\n\t]", " ", self.text[at:])])

    @functools.cached_property
    def head(self):
        """The block comment with which the file begins; '' if it begins with anything else."""
        found = re.match(r"/\*.*?\*/", self.text, re.DOTALL)
        return found.group() if found else ""

    @functools.cached_property
    def includes(self):
        """(line number, name) of each header in quotes."""
        return [(self.text.count("\n", 0, found.start()) + 1, found.group(1)) for found in INCLUDE.finditer(self.text)]

    @functools.cached_property
    def functions(self):
        functions = []
        lines = self.code.split("\n")
        for number, line in enumerate(lines):
            if line != "{":
                continue
            first = number
            while first > 0 and lines[first - 1].strip() and lines[first - 1][0] not in "}#":
                first -= 1
            signature = " ".join(lines[first:number])
            name = re.search(r"(?!void\b)\b(\w+)\s*\(", ATTRIBUTE.sub("", signature))
            last = lines.index("}", number)
            if name:
                static = re.search(r"\bstatic\b", signature) is not None
                functions.append(Function(self, name.group(1), static, signature, first + 1, last + 1))
        return functions

    def line_of(self, pattern):
        """The first line of code, not of comments, with this pattern; 1 if there is none."""
        found = re.search(pattern, self.code)
        return self.code.count("\n", 0, found.start()) + 1 if found else 1


class Tree:
    """A checkout, or a folder that looks like one."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def files(self, folders, names):
        """The files below these folders that have one of these patterns as names, in order."""
        paths = set()
        for folder in folders:
            for name in names:
                paths.update((self.root / folder).rglob(name))
        return [self.file(path) for path in sorted(paths) if path.is_file()]

    @functools.cache
    def file(self, path):
        return File(self.root, path)

    @functools.cached_property
    def lib(self):
        return self.files(["lib"], ["*.c", "*.h"])

    def declared(self, header):
        """The code of a header of lib/, named as in #include, and of all that it includes there."""
        codes, todo = {}, [header]
        while todo:
            path = self.root / "lib" / todo.pop()
            if path.exists() and path not in codes:
                codes[path] = self.file(path).code
                todo += [name for _, name in self.file(path).includes]
        return "\n".join(codes.values())
