"""modules.py - modules of Python that a test needs, of this Python or of Debian's."""
import importlib
import os
import sys

SKIPPED = 77
DEBIAN = "/usr/bin/python3"


def load_or_none(name):
    """The module, or None. Where this Python lacks it, the script runs again in Debian's."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.path.exists(DEBIAN) and os.path.realpath(sys.executable) != os.path.realpath(DEBIAN) and "SHEAF_AGAIN" not in os.environ:
            os.execve(DEBIAN, [DEBIAN] + sys.argv, dict(os.environ, SHEAF_AGAIN="1"))
        return None


def load(name, title, package):
    """The module. Where there is none, the test ends as skipped."""
    module = load_or_none(name)
    if module is None:
        print(f"skipped: no Python with {title} (Debian: {package})")
        sys.exit(SKIPPED)
    return module
