"""path.py - how far the way of a call leads through the files of lib/, for one who reads along.

The reader follows the call from function to function, depth first, in the order of the text, each
function once. Failing and waiting are left out: functions whose names tell that they fail, judge a
failure or wait (ASIDE), those that are kept out of line (noinline, cold), and base/error.c. Calls
through a pointer are not followed, and macros are no calls. x.c and x.h count as two files.

Counted are the files, and the returns: how often the reader comes back to a file that was open
before. Files plus returns are the stays, that is, how often another file has to be opened. Beside
them stand the functions, and the return statements in them.

Figures from before and after a change compare if both are made by the same version of this file,
and if what fails or waits is still called so. At the commit de9bcbc sheaf_submit has 14 files and
39 returns, sheaf_next 12 files and 27 returns. (Counted by hand: 14 and 28, 12 and 31.)
"""
import re

ASIDE = re.compile(r"fail|refuse|judge|shut|wait|sleep|spin|yield|backoff")
CALL = re.compile(r"(?<![>.])\b(\w+)\s*\(")


class Way:
    def __init__(self, tree, name):
        self.functions = {}
        for file in tree.lib:
            if not file.path.startswith("lib/os/posix"):  # of twins, the other one
                for function in file.functions:
                    self.functions.setdefault(function.name, []).append(function)
        start = self.find(name, None)
        if not start:
            raise SystemExit(f"house.py: no function of lib/ is called {name}")
        self.visited, self.stays = [], []
        self.visit(start)

    def find(self, name, caller):
        """The function that a caller means: one of its own file, else one that others may call."""
        known = self.functions.get(name, [])
        own = [function for function in known if caller and function.file is caller.file]
        others = [function for function in known if not function.static or function.file.path.endswith(".h")]
        return (own + others + [None])[0]

    def stay(self, file):
        if not self.stays or self.stays[-1] != file.path:
            self.stays.append(file.path)

    def visit(self, function):
        self.visited.append(function)
        self.stay(function.file)
        for name in CALL.findall(function.body):
            called = self.find(name, function)
            if called and called not in self.visited and not is_aside(called):
                self.visit(called)
                self.stay(function.file)


def is_aside(function):
    return (ASIDE.search(function.name) or re.search(r"\b(noinline|cold)\b", function.signature) or
            function.file.path == "lib/base/error.c")


def describe(tree, name):
    way = Way(tree, name)
    files = list(dict.fromkeys(way.stays))
    statements = sum(len(re.findall(r"\breturn\b", function.body)) for function in way.visited)
    return (f"{name}: {len(files)} files, {len(way.stays) - len(files)} returns, {len(way.stays)} stays "
            f"({len(way.visited)} functions with {statements} return statements)\n"
            + "\n".join(f"    {path}: " + ", ".join(function.name for function in way.visited if function.file.path == path)
                        for path in files))
