# SPDX-License-Identifier: BSD-2-Clause
"""tools/thirdparty.lock: what is downloaded, by version and hash, and what is done when something else comes.

One line each: name, version, SHA-256 of the archive (- if there is none), SHA-256 of the unpacked files. Another
version than the lock's is a warning that names both; other content under the same version is refused.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from debian import TOP, Refused

LOCK = TOP / "tools" / "thirdparty.lock"
STAMPS = TOP / "build" / "thirdparty"
HEAD = """\
# Third-party sources and files: name, version, SHA-256 of the archive, SHA-256 of the unpacked files.
# Written by `tools/setup --update-lock`; `tools/setup` refuses what differs.
"""


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree_sha256(root):
    """One hash of all names and contents below `root`, or of the one file that it is."""
    if root.is_file():
        return sha256(root)
    total = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        total.update(f"{path.relative_to(root)}\0{sha256(path)}\n".encode())
    return total.hexdigest()


def remove(target):
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def warn(name, locked, offered):
    print(f"warning: {name}: tools/thirdparty.lock has version {locked}, Debian offers {offered}; "
          f"going on with {offered} (accept it with `tools/setup --update-lock`)", file=sys.stderr, flush=True)


class Lock:
    """The lock's lines by name: (version, archive, tree). update: what comes is accepted and written down."""

    def __init__(self, update=False):
        self.update, self.lines = update, {}
        if LOCK.exists():
            for line in LOCK.read_text(encoding="utf-8").splitlines():
                if line and not line.startswith("#"):
                    name, version, archive, tree = line.split()
                    self.lines[name] = (version, archive, tree)

    def write(self):
        lines = [f"{name} {' '.join(self.lines[name])}\n" for name in sorted(self.lines)]
        LOCK.write_text(HEAD + "".join(lines), encoding="utf-8")

    def archive(self, name, paths):
        """The one of `paths` that is the lock's own archive, unless another is to be accepted."""
        if self.update or name not in self.lines:
            return None
        return next((path for path in paths if sha256(path) == self.lines[name][1]), None)

    def whole(self, name, target, offered=None):
        """True if what is unpacked is what was accepted: the lock's, or another version taken with a warning.
        offered: the version of the package that it comes from, if that is installed."""
        locked, stamp = self.lines.get(name), STAMPS / f".{name}"
        if self.update or locked is None or not target.exists() or not stamp.exists():
            return False
        seen = tuple(stamp.read_text(encoding="utf-8").split())
        if len(seen) != 3 or tree_sha256(target) != seen[2]:
            print(f"{name}: the files in {target.relative_to(TOP)} were changed; unpacking them again", flush=True)
            return False
        if seen[0] == locked[0]:
            return seen == locked
        if seen[1:] == locked[1:] or offered not in (None, seen[0]):
            return False
        warn(name, locked[0], seen[0])
        return True

    def settle(self, name, target, version, archive):
        """Judges what was just unpacked from `archive` (None: copied from an installed package)."""
        seen = (version, sha256(archive) if archive else "-", tree_sha256(target))
        locked = self.lines.get(name)
        if self.update:
            self.lines[name] = seen
        elif locked is None:
            remove(target)
            raise Refused(f"{name}: tools/thirdparty.lock does not know it; accept it with `tools/setup --update-lock`")
        elif locked[0] != version:
            warn(name, locked[0], version)
        elif locked != seen:
            remove(target)
            what = "archive" if locked[1] != seen[1] else "unpacked content"
            raise Refused(f"{name} {version}: the {what} is not the one of tools/thirdparty.lock.\n"
                          f"  lock: {locked[1]} {locked[2]}\n  here: {seen[1]} {seen[2]}\n"
                          "If the change is expected: `tools/setup --update-lock`.")
        STAMPS.mkdir(parents=True, exist_ok=True)
        (STAMPS / f".{name}").write_text(" ".join(seen) + "\n", encoding="utf-8")
