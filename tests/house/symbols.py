"""symbols.py - which file of lib/ uses what another one defines.

With a build folder, nm tells it from the objects of the library: what a header has inlined counts
for the file that includes it. Without one, the text of the sources tells it, for functions only:
what a header has inlined counts for the header.
"""
import pathlib
import re
import shlex
import os
import subprocess

from source import WORD


class Symbols:
    """defined: the file that has each symbol. used: {file: symbols that it needs from others}."""

    def __init__(self, tree, build=None):
        self.tree, self.defined, self.used = tree, {}, {}
        if build:
            self._ask_objects(pathlib.Path(build))
        else:
            self._read_sources()
        for file in self.used:
            self.used[file] = sorted(name for name in self.used[file] if self.defined.get(name, file) is not file)

    def _ask_objects(self, build):
        names = {file.name.replace("/", "_") + ".o": file for file in self.tree.lib}
        objects = [path for path in sorted(build.glob("lib/*.p/*.o")) if path.name in names]
        if not objects:
            raise SystemExit(f"house.py: there are no objects of the library in {build}/lib: please build it first")
        nm = shlex.split(os.environ.get("NM", "nm"))
        output = subprocess.run(nm + ["-A", "-P"] + objects, stdout=subprocess.PIPE, check=True, text=True).stdout
        for line in output.splitlines():
            path, name, kind = re.match(r"(.*\.o): (\S+) (\w)", line).groups()
            file = names[path.rsplit("/", 1)[1]]
            if kind == "U":
                self.used.setdefault(file, set()).add(name)
            elif kind.isupper():
                self.defined[name] = file

    def _read_sources(self):
        for file in self.tree.lib:
            for function in file.functions:
                if not function.static:
                    self.defined.setdefault(function.name, file)
        for file in self.tree.lib:
            own = {function.name for function in file.functions}
            self.used[file] = set()
            for function in file.functions:
                words = set(WORD.findall(function.body))
                self.used[file] |= {word for word in words if word in self.defined and word not in own}

    def edges(self):
        """(user, symbol, definer) for each use of another file's symbol."""
        for file in sorted(self.used, key=lambda file: file.path):
            for name in self.used[file]:
                if name in self.defined:
                    yield file, name, self.defined[name]
