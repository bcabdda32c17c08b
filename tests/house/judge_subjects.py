"""judge_subjects.py SUBJECTS - subjects.py finds what is wrong with a subject, in any clone."""
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
RIGHT = ["ring: refuse a size of zero", "os/posix: feed the pipe", "tests: " + "x" * 65, "pool: pass the bell on",
         "bench: write JSON only", "docs: focus on the reader"]
WRONG = {
    "tests: " + "x" * 66: "it has 73 characters, at most 72",
    "refuse a size of zero": "it has to begin with one word",
    "crash ring: refuse a size of zero": "it has to begin with one word",
    "ring:refuse a size of zero": "it has to begin with one word",
    "ring: ": "it has to begin with one word",
    "ring: refused a size of zero": 'the sentence begins with "refused"',
    "ring: refuses a size of zero": 'the sentence begins with "refuses"',
    "ring: refusing a size of zero": 'the sentence begins with "refusing"',
    "ring: the size is not zero": 'the sentence begins with "the"',
    "ring: refuse a size of zero.": "it ends with a full stop",
}


def load(path):
    specification = importlib.util.spec_from_file_location("subjects", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def git(folder, *arguments):
    # Nothing of the settings of whoever runs this.
    environment = dict(os.environ, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="a",
                       GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
    run = subprocess.run(["git", "-C", folder, *arguments], stdout=subprocess.PIPE, check=True, text=True, env=environment)
    return run.stdout.strip()


def expect(subjects, folder, code, *parts):
    run = subprocess.run([sys.executable, subjects, folder], stdout=subprocess.PIPE, text=True)
    assert run.returncode == code, f"{folder}: exit code {run.returncode}, not {code}: {run.stdout}"
    for part in parts:
        assert part in run.stdout, f"{folder}: no {part!r} in {run.stdout}"


def main():
    sys.dont_write_bytecode = True
    subjects = load(sys.argv[1])
    for subject in RIGHT:
        assert subjects.fault_of(subject) is None, f"{subject}: {subjects.fault_of(subject)}"
    for subject, fault in WRONG.items():
        assert (subjects.fault_of(subject) or "").startswith(fault), f"{subject}: {subjects.fault_of(subject)}"
    if not shutil.which("git"):
        print("judge_subjects.py: skipped: there is no git")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="sheaf-subjects.") as name:
        folder = pathlib.Path(name).resolve()
        expect(sys.argv[1], folder, 0, "skipped: this is no repository")
        whole, shallow = folder / "whole", folder / "shallow"
        git(folder, "init", "--quiet", "whole")
        git(whole, "commit", "--quiet", "--allow-empty", "-m", "Old, and never looked at")
        expect(sys.argv[1], whole, 0, "skipped: this is a history without")
        # The same with a first commit of its own.
        own = folder / "subjects.py"
        text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
        own.write_text(text.replace(subjects.FIRST, git(whole, "rev-parse", "HEAD")), encoding="utf-8")
        expect(own, whole, 0, "0 passed, 0 failed")
        git(whole, "commit", "--quiet", "--allow-empty", "-m", "ring: refuse a size of zero")
        expect(own, whole, 0, "1 passed, 0 failed")
        git(whole, "commit", "--quiet", "--allow-empty", "-m", "ring: refused it")
        expect(own, whole, 1, ' "ring: refused it": the sentence begins with "refused"', "1 passed, 1 failed")
        git(folder, "clone", "--quiet", "--depth", "1", whole.as_uri(), "shallow")
        expect(own, shallow, 1, ' "ring: refused it": ', "0 passed, 1 failed")
    return 0


sys.exit(main())
