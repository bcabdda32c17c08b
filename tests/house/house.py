#!/usr/bin/env python3
"""house.py - checks how lib/ is built: what stands on what, and what a file and a comment may hold.

Each finding is one line "FILE:LINE: what is wrong, what to do". The last line is "N passed, N
failed", where each check counts as one. The exit code is 0 if nothing failed, else 1.
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True  # the checkout may belong to somebody else

import checks
import path
from source import Tree


def read_arguments(words):
    parser = argparse.ArgumentParser(prog="house.py", description=__doc__.split("\n", maxsplit=1)[0].split(" - ")[1],
                                     epilog="Examples: house.py --only includes,circles; house.py --path sheaf_submit")
    parser.add_argument("--only", metavar="CHECK,...", help="only these checks; default: all")
    parser.add_argument("--list", action="store_true", help="list the checks and stop")
    parser.add_argument("--figures", action="store_true",
                        help="also print the number and the lengths of files and functions")
    parser.add_argument("--path", metavar="FUNCTION", action="append", default=[],
                        help="print how many files the way of this call goes through, and stop; may be repeated: see path.py")
    parser.add_argument("--build", metavar="FOLDER",
                        help="where the library is built: its objects tell what uses what; default: the sources do")
    parser.add_argument("--root", metavar="FOLDER", default=pathlib.Path(__file__).resolve().parents[2],
                        help="the checkout; default: the one that this script is in")
    arguments = parser.parse_args(words)
    names = arguments.only.split(",") if arguments.only else list(checks.CHECKS)
    for name in names:
        if name not in checks.CHECKS:
            parser.error(f"there is no check '{name}', but {', '.join(checks.CHECKS)}")
    return arguments, names


def run(names, tree, build):
    """Prints the findings of these checks; the number of checks that failed."""
    failed = 0
    for name in names:
        findings = sorted(set(checks.CHECKS[name](tree, build)))
        for file, line, text in findings:
            print(f"{file}:{line}: {text}")
        print(f"{name}: {len(findings)} wrong" if findings else f"{name}: passed")
        failed += bool(findings)
    return failed


def main(words=None):
    arguments, names = read_arguments(words)
    tree = Tree(arguments.root)
    if arguments.list:
        for name, check in checks.CHECKS.items():
            print(f"{name:10} {check.__doc__}")
        return 0
    if not tree.lib:
        sys.exit(f"house.py: there is no lib/ with C files in {arguments.root}")
    if arguments.path:
        for name in arguments.path:
            print(path.describe(tree, name))
        return 0
    failed = run(names, tree, arguments.build)
    if arguments.figures:
        print("\n".join(checks.figures(tree)))
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
