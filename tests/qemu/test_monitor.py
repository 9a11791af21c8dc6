# SPDX-License-Identifier: BSD-2-Clause
"""The monitor on the console, spoken to while guests run."""
import re

import pytest
import table
from harness import DEBIAN, INITRAMFS, OUT, SMALL, Session

ESCAPE = "\x1d"


@pytest.fixture(scope="module", name="monitor")
def fixture_monitor():
    """A VM that runs for long, one that has ended, a device; the monitor has the console."""
    directory = OUT / "monitor"
    directory.mkdir(parents=True, exist_ok=True)
    long = table.vm("long", "state.elf", "vcpus=2 turns=2000000000", vcpus=2,
                    more="host-control;" + table.device_slot(0x110000000, "shm"))
    (directory / "vm.dts").write_text(table.configuration(
        long + table.vm("short", "rules_pin.elf"), devices='shm: shared { driver = "ivshmem"; bar = <2>; };'))
    with Session("monitor", "run", "-config", directory / "vm.dts", "--cpus", 2, "--devices", limit=120.0) as session:
        session.expect(r"\[short\] report: \d+ passed, 0 failed")
        session.send(ESCAPE)
        session.expect(r"^monitor> ")
        yield session


COMMANDS = [
    ("help", r"vms(.|\n)*vcpus(.|\n)*slots(.|\n)*why(.|\n)*frame(.|\n)*consumers(.|\n)*quit"),
    ("vms", r"long: running, 2 vCPUs, 64 MiB(.|\n)*short: ended \(powered off"),
    ("vcpus long", r"vCPU 0: .*exits\n(.|\n)*vCPU 1: .*exits"),
    ("slots long", r"memory(.|\n)*shared.*gfn 0x110000\.\.0x111000"),
    ("why long 0x100", r"ANON(.|\n)*counted(.|\n)*references 1, pins 0(.|\n)*by notice(.|\n)*leaf at level"),
    ("why long 110000", r"PFNMAP of device memory(.|\n)*no leaf"),
    ("why long 7777777", r"memslot: none"),
    ("s2 long 0x100", r"level 3(.|\n)*table(.|\n)*leaf"),
    ("frame 200", r"frame 0x200: reserved"),
    ("frame fffffffff", r"no record"),
    ("consumers long", r"stage-2.*seq \d+"),
    ("notices long", r"\d+ notices so far, 0 active"),
    ("stats", r"frames: \d+ free(.|\n)*long: exits \d+, faults [1-9]"),
    ("trace 5", r"(.*cpu \d.*\n){5}"),
    ("pci", r"1af4:1110(.|\n)*BAR 2: memory"),
    ("devices", r"shared: ivshmem"),
    ("stop long", r"long: stopped"),
    ("census", r"."),
    ("vms ", r"long: stopped"),
    ("start long", r"long: running"),
    ("explain on", r"explain is on"),
    ("explain off", r"explain is off"),
    ("focus short", r"short"),
    ("nonsense", r"there is no command"),
    ("why", r"which VM"),
    ("why long zebra", r"not a page number"),
    ("why nobody 0x100", r"there is no VM"),
    ("frame 99999999999999999999999", r"not a page number"),
    ("x" * 300, r"there is no command"),
    ("kill long", r"(?i)killed|ended|monitor"),
]


@pytest.mark.parametrize("line, pattern", COMMANDS, ids=[line[:30].strip() for line, _ in COMMANDS[:18]] +
                         ["vms after stop"] + [line[:30] for line, _ in COMMANDS[19:]])
def test_command(monitor, line, pattern):
    if line == "kill long":
        monitor.send(line + "\n")  # the last VM's end is the run's
        monitor.expect(r"tenure: end status=0 reason=\S+")
        return
    answer = monitor.command(line, r"((?:.|\n)*?)^monitor> ").group(1)
    assert re.search(pattern, answer), f"{line}: {answer}"


def test_quit():
    """A VM without end is ended by the machine's."""
    with Session("monitor quit", "run", "-kernel", SMALL / "state.elf", "-append", "vcpus=1 turns=2000000000") as run:
        run.expect(r"state: ")
        run.send(ESCAPE)
        run.expect(r"^monitor> ")
        run.send("quit\n")
        run.expect(r"tenure: end status=0 reason=killed")
        assert run.finish() == 0


def test_prompt_after_the_end():
    """With --prompt the monitor has the console when all VMs have ended, and their memory can be looked at."""
    with Session("monitor prompt", "run", "-kernel", SMALL / "smp.elf", "-append", "vcpus=1", "--prompt") as run:
        run.expect(r"all VMs have ended")
        run.expect(r"^monitor> ")
        assert "ended" in run.command("vms", r"((?:.|\n)*?)^monitor> ").group(1)
        run.send("quit\n")
        run.expect(r"tenure: end status=0")
        assert run.finish() == 0


def test_linux_shell():
    """A shell at the end of the guest's serial line: what is typed arrives, and time passes."""
    with Session("linux shell", "run", "-kernel", DEBIAN / "vmlinux-cloud", "-initrd", INITRAMFS, "-append",
                 "console=ttyS0 reboot=t quiet", limit=120.0) as linux:
        linux.expect(r"^/ # ", 60)
        linux.send("sleep 1; echo done $((6 * 7))\n")
        linux.expect(r"^done 42", 20)
        linux.send("cat /proc/interrupts\n")
        assert int(linux.expect(r"^ *4: +(\d+).*ttyS0").group(1)) > 0
        linux.send(ESCAPE)
        linux.expect(r"^monitor> ")
        linux.command("vms", r"guest.*running")
        linux.send("go\nexit\n")
        linux.expect(r"tenure: end status=0 reason=triple-fault", 20)
        assert linux.finish() == 0
