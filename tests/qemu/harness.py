# SPDX-License-Identifier: BSD-2-Clause
"""One run of the hypervisor for a test: what to run, how it should end, and what it must have said. Runs are
started before their tests ask for them, two at a time (conftest.py)."""
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
OUT = TOP / "build/test/qemu"
TENURE = TOP / "tools/tenure"
SMALL = TOP / "build/x86/guests"
DEBIAN = TOP / "build/guests/x86"
ARCHES = os.environ.get("TENURE_ARCHES", "x86").split()  # those whose tests are to run
INITRAMFS = DEBIAN / "initramfs.cpio.gz"
REPORT = re.compile(r"report: (\d+) passed, (\d+) failed")
SELFCHECK = re.compile(r"selfcheck: (\d+) passed, (\d+) failed")
# TENURE_ELF=FILE tests another image than the ones built.
OTHER = ["--elf", os.environ["TENURE_ELF"]] if "TENURE_ELF" in os.environ else []
END = re.compile(r"^tenure: end status=(\d+) reason=(\S+)", re.MULTILINE)


def arch_of(file):
    """Whose tests a file holds."""
    named = re.match(r"test_(arm64|ppc64)", file)
    return named[1] if named else "x86"


def small(arch, name):
    """The file of a small guest, as -kernel takes it."""
    return TOP / "build" / arch / "guests" / (name + (".img" if arch == "arm64" else ".elf"))


def debian(arch, name):
    return TOP / "build/guests" / arch / name


@dataclass
class Run:
    """words: the command line behind `tools/tenure`. says, never: patterns of the whole console stream."""
    name: str
    words: list
    status: int = 0
    reason: str = ""          # of the hypervisor's last line; "": not looked at
    says: tuple = ()
    never: tuple = (r"report: .* FAIL", r"selfcheck: \S+ FAIL", r"assertion|broken:|UBSan",
                    r"CPU \d+ does not start", r"census: (?!every).*")
    limit: float = 60.0
    stdin: bytes = b""
    files: dict = field(default_factory=dict)  # written to the run's directory, {dir} in words is its name

    @property
    def directory(self):
        return OUT / re.sub(r"[^\w.-]+", "_", self.name)


@dataclass
class Outcome:
    status: int
    text: str
    seconds: float


def perform(run):
    """Runs it to its end; the whole stream is kept in DIRECTORY/console.log."""
    run.directory.mkdir(parents=True, exist_ok=True)
    for name, data in run.files.items():
        (run.directory / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    words = [str(word).replace("{dir}", str(run.directory)) for word in run.words]
    command = [sys.executable, str(TENURE), words[0], "-v", "--timeout", f"{run.limit:g}", *words[1:], *OTHER]
    began = time.monotonic()
    done = subprocess.run(command, cwd=TOP, input=run.stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=run.limit + 30, check=False)
    text = done.stdout.decode(errors="replace").replace("\r", "")
    (run.directory / "console.log").write_text(text, encoding="utf-8")
    return Outcome(done.returncode, text, time.monotonic() - began)


def check(run, outcome):
    """Every complaint in words, or an empty list."""
    wrong = []
    if outcome.status != run.status:
        wrong.append(f"status {outcome.status}, expected {run.status}")
    ends = END.findall(outcome.text)
    if run.reason and (not ends or ends[-1][1] != run.reason):
        wrong.append(f"ended by {ends[-1] if ends else 'nobody knows'}, expected {run.reason}")
    wrong += [f"does not say /{p}/" for p in run.says if not re.search(p, outcome.text, re.MULTILINE)]
    for pattern in run.never:
        found = re.search(pattern, outcome.text, re.MULTILINE)
        if found:
            wrong.append(f"says '{found.group(0)}'")
    return wrong


def judge(run, outcome):
    wrong = check(run, outcome)
    if wrong:
        tail = "\n".join(outcome.text.splitlines()[-60:])
        raise AssertionError(f"{run.name}: " + "; ".join(wrong)
                             + f"\n--- the end of {run.directory}/console.log\n{tail}")


def each(runs):
    """The test below is one for each run, which it takes as `run`; `outcome` is what became of it (conftest.py)."""
    return pytest.mark.parametrize("run", runs, ids=lambda run: run.name)


def judged(runs):
    """A test of each run by what the run itself says it should come to."""
    @each(runs)
    def test(run, outcome):
        judge(run, outcome)
    return test


class Session:
    """A run that a test speaks with: expect() what it says, send() what is typed."""

    def __init__(self, name, *words, limit=60.0):
        self.deadline = time.monotonic() + limit
        self.text, self.seen, self.lock = "", 0, threading.Condition()
        self.log = OUT / re.sub(r"[^\w.-]+", "_", name)
        self.log.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, str(TENURE), words[0], "-v", "--timeout", f"{limit:g}", *map(str, words[1:]), *OTHER],
            cwd=TOP,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for data in iter(lambda: self.process.stdout.read1(65536), b""):
            with self.lock:
                self.text += data.decode(errors="replace").replace("\r", "")
                self.lock.notify_all()
        with self.lock:
            self.deadline = 0
            self.lock.notify_all()

    def expect(self, pattern, patience=30.0):
        """Waits until the pattern has come behind what was expected before; returns the match."""
        until = time.monotonic() + patience
        with self.lock:
            while True:
                match = re.compile(pattern, re.MULTILINE).search(self.text, self.seen)
                if match:
                    self.seen = match.end()
                    return match
                left = min(until, self.deadline) - time.monotonic()
                if left <= 0:
                    tail = self.text[self.seen:][-3000:]
                    raise AssertionError(f"/{pattern}/ did not come; since the last answer:\n{tail}")
                self.lock.wait(left)

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def command(self, line, pattern, patience=10.0):
        """A line to the monitor, and a pattern of its answer."""
        self.send(line + "\n")
        return self.expect(pattern, patience)

    def finish(self, patience=20.0):
        """The exit status, once the stream has ended."""
        self.process.stdin.close()
        status = self.process.wait(patience)
        (self.log / "console.log").write_text(self.text, encoding="utf-8")
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        (self.log / "console.log").write_text(self.text, encoding="utf-8")
