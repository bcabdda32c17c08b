#!/usr/bin/env python3
"""subjects.py [CHECKOUT] - the subjects of commits are as CONTRIBUTING.md says.

A subject is one word for the part that changes, a colon, a space, and an imperative sentence
without a full stop: at most 72 characters ("ring: refuse a size of zero"). Of the grammar, only the
first word of the sentence is checked. Commits up to FIRST are older than this rule. Nothing is
checked without git, outside a repository, or in another history.

The last line is "N passed, N failed". The exit code is 0 if nothing failed, else 1.
"""
import pathlib
import re
import subprocess
import sys

FIRST = "de9bcbcba810093e108fc787326bd03c55552e0e"
LENGTH = 72

SUBJECT = re.compile(r"(?P<part>[\w.+/-]+): (?P<first>\S+)")
NO_VERB = set("a an the this that these it its one two no each every all some more new".split())
ENDINGS = re.compile(r"\w{2,}(ed|ing|(?<![su])s)$")
VERBS = set("alias bias bring embed exceed feed focus need ping proceed ring seed shed speed spring string succeed swing"
            .split())


def fault_of(subject):
    """What is wrong with it, or None."""
    if len(subject) > LENGTH:
        return f"it has {len(subject)} characters, at most {LENGTH}"
    found = SUBJECT.match(subject)
    if not found:
        return 'it has to begin with one word for the part, a colon and a space, as in "ring: refuse a size of zero"'
    first = found.group("first")
    if first in NO_VERB or (ENDINGS.search(first) and first not in VERBS):
        return f'the sentence begins with "{first}": say what to do, as in "ring: refuse a size of zero"'
    if subject.endswith("."):
        return "it ends with a full stop"
    return None


def git(checkout, *arguments):
    run = subprocess.run(["git", "-C", checkout, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return run.stdout.strip() if run.returncode == 0 else None


def read_commits(checkout):
    """(commit, subject) of those after FIRST. LookupError says why there are none."""
    try:
        top = git(checkout, "rev-parse", "--show-toplevel")
    except OSError:
        raise LookupError("there is no git") from None
    if not top or pathlib.Path(top).resolve() != checkout:
        raise LookupError("this is no repository that git reads here")
    if git(checkout, "cat-file", "-e", FIRST + "^{commit}") is not None:
        commits = FIRST + "..HEAD"
    elif git(checkout, "rev-parse", "--is-shallow-repository") == "true":
        commits = "HEAD"  # cut off after FIRST
    else:
        raise LookupError("this is a history without " + FIRST[:7])
    log = git(checkout, "log", "--no-merges", "--format=%h %s", commits)
    return [line.split(" ", 1) if " " in line else (line, "") for line in (log or "").splitlines()]


def main():
    checkout = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if len(sys.argv) < 2:
        checkout = checkout.parents[2]
    try:
        commits = read_commits(checkout)
    except LookupError as reason:
        print(f"subjects.py: skipped: {reason}")
        return 0
    wrong = 0
    for commit, subject in commits:
        fault = fault_of(subject)
        if fault:
            print(f'commit {commit} "{subject}": {fault}')
            wrong += 1
    print(f"{len(commits) - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
