# SPDX-License-Identifier: BSD-2-Clause
"""The monitor on the console, spoken to while guests run."""
import re

import pytest
import table
from harness import DEBIAN, INITRAMFS, OUT, Session

ESCAPE = "\x1d"


@pytest.fixture(scope="module", name="monitor")
def fixture_monitor():
    """A VM that runs for long, one that has ended, a device; the monitor has the console."""
    directory = OUT / "monitor"
    directory.mkdir(parents=True, exist_ok=True)
    long = table.vm("long", "state.elf", "vcpus=2 turns=2000000000", vcpus=2,
                    more="host-control;" + table.device_slot(0x110000000, "shm"))
    (directory / "vm.dts").write_text(table.configuration(
        long + table.vm("short", "pins.elf"), devices='shm: shared { driver = "ivshmem"; bar = <2>; };').replace(
            "pins.elf", "rules_pin.elf"))
    with Session("monitor", "run", "-config", directory / "vm.dts", "--cpus", 2, "--devices", limit=120.0) as session:
        session.expect(r"\[short\] report: \d+ passed, 0 failed")
        session.send(ESCAPE)
        session.expect(r"^monitor> ")
        yield session


@pytest.mark.parametrize("line, pattern", [
    ("help", r"vms(.|\n)*vcpus(.|\n)*slots(.|\n)*why(.|\n)*frame(.|\n)*consumers(.|\n)*quit"),
    ("vms", r"long(.|\n)*short"),
    ("vcpus", r"long(.|\n)*1"),
    ("slots", r"110000(.|\n)*"),
    ("why 0x100", r"COUNTED"),
    ("why 0x110000", r"(DEVICE|ivshmem|shared|PFNMAP)"),
    ("why 0x7777777", r"no memslot"),
    ("s2 0x100", r"leaf"),
    ("frame 0x200", r"(RESERVED|COUNTED|TABLE|FREE|UNCOUNTED)"),
    ("frame 0xfffffffff", r"(?i)(no record|device|no frame)"),
    ("consumers", r"long"),
    ("notices", r"\d+"),
    ("stats", r"faults"),
    ("trace", r"(?i)fault"),
    ("stop long", r"(?i)stopped"),
    ("vms", r"long.*stopped"),
    ("start long", r"(?i)(running|goes on|started)"),
    ("nonsense", r"(?i)(unknown|no such|not a command|help)"),
    ("why", r"(?i)(gfn|usage|number)"),
    ("why zebra", r"(?i)(gfn|number|usage)"),
    ("frame 99999999999999999999999", r"(?i)(number|pfn|usage|no record|no frame)"),
], ids=lambda value: value if isinstance(value, str) and "\\" not in value and "(" not in value else "")
def test_command(monitor, line, pattern):
    answer = monitor.command(line, rf"((?:.|\n)*?)^monitor> ").group(1)
    assert re.search(pattern, answer), f"{line}: {answer}"


def test_quit(monitor):
    monitor.send("quit\n")
    monitor.expect(r"tenure: end status=0 reason=\S+")
    assert monitor.finish() == 0


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
