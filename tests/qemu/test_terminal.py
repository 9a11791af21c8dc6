# SPDX-License-Identifier: BSD-2-Clause
"""The runner at a terminal, and beside one: raw while the guest runs, given back afterwards; the trace in a file."""
import os
import pty
import re
import subprocess
import sys
import termios
import time

import pytest
from harness import ARCHES, OUT, TENURE, TOP, debian, small

pytestmark = pytest.mark.parametrize("arch", ARCHES)


def at_terminal(words, seconds=30.0, typed=()):
    """(status, what was shown, terminal's mode before, during and after). typed: [(what is shown, what is typed)]."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = subprocess.Popen([sys.executable, TENURE, *map(str, words)], cwd=TOP, stdin=slave, stdout=slave,
                               stderr=slave)
    shown, during, typed, until = b"", None, list(typed), time.monotonic() + seconds
    os.set_blocking(master, False)
    while process.poll() is None and time.monotonic() < until:
        try:
            shown += os.read(master, 65536)
        except BlockingIOError:
            time.sleep(0.05)
        if typed and re.search(typed[0][0], shown):
            during = termios.tcgetattr(slave)
            os.write(master, typed.pop(0)[1])
    process.terminate()
    status = process.wait(20)
    try:
        shown += os.read(master, 65536)
    except BlockingIOError:
        pass
    after = termios.tcgetattr(slave)
    os.close(master)
    os.close(slave)
    return status, shown.decode(errors="replace"), before, during, after


def test_raw_while_the_guest_runs(arch):
    status, shown, before, during, after = at_terminal(
        ["run", "--arch", arch, "-kernel", small(arch, "state"), "-append", "vcpus=1 turns=2000000000"],
        typed=[(b"state: ", b"\x03\x1d"), (b"monitor> ", b"vms\rquit\r")])
    assert status == 0, shown
    assert "guest: running" in shown, "Ctrl-C went to the guest, and Ctrl-] to the monitor"
    assert not during[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    assert after == before, "the terminal is as it was"


def test_three_escapes_end_qemu(arch):
    status, shown, before, _, after = at_terminal(
        ["run", "--arch", arch, "-kernel", small(arch, "state"), "-append", "vcpus=1 turns=2000000000"],
        typed=[(b"state: ", b"\x1d\x1d\x1d")])
    assert status == 130 and "ended from the keyboard" in shown
    assert after == before


def test_trace_in_a_file(arch):
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "trace"
    done = subprocess.run([sys.executable, TENURE, "run", "--arch", arch, "-kernel", small(arch, "smp"), "-append",
                           "vcpus=1 turns=1", "--trace", path, "--timeout", "40"], cwd=TOP, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = path.read_text().splitlines()
    assert lines[0] == "begin" and lines[-1] == "end"
    assert any(re.match(r"ns=\d+ cpu=0 vm=guest event=fault gfn=0x\w+ pfn=0x\w+ class=counted", line) for line in lines)
    assert "trace ns=" not in done.stderr


def test_linux_from_a_file(arch):
    """What is piped into `tenure linux` is typed when the shell is ready, and its end ends the machine."""
    done = subprocess.run([sys.executable, TENURE, "linux", "--arch", arch, "--firmware", "direct", "--timeout",
                           "100"], cwd=TOP,
                          text=True, input="sleep 1; echo woke $((6 * 7))\n", capture_output=True, check=False)
    assert debian(arch, "initramfs.cpio.gz").exists() and list(debian(arch, "").glob("vmlinu*"))
    assert done.returncode == 0 and "\nwoke 42" in done.stdout.replace("\r", ""), done.stdout[-2000:] + done.stderr
