# SPDX-License-Identifier: BSD-2-Clause
"""The monitor on the console, spoken to while guests run."""
import re
import subprocess

import pytest
import table
from harness import ARCHES, OUT, TOP, Session, debian, small

ESCAPE = "\x1d"
# A page of the guest's RAM and one of the hypervisor's image, and the level of the root of stage-2 tables.
WORDS = {"x86": {"PAGE": "100", "IMAGE": "200", "ROOT": "3"}, "arm64": {"PAGE": "40200", "IMAGE": "40200", "ROOT": "2"},
         "ppc64": {"PAGE": "100", "IMAGE": "20000", "ROOT": "3"}}
LINUX = {"x86": ("vmlinux-cloud", "console=ttyS0 reboot=t quiet", r"^ *4: +(\d+).*ttyS0", "triple-fault"),
         "arm64": ("vmlinuz-cloud", "console=ttyAMA0 quiet", r"^ *\d+: +(\d+).*uart-pl011", "reset"),
         "ppc64": ("vmlinux-full", "console=hvc0 quiet", r"^ *\d+: +(\d+).*hvc_console", "reset")}
REFUSED = {"x86": 1, "arm64": 2}  # by the guest `isa`; on ppc64 such an interrupt is the guest's own
each_arch = pytest.mark.parametrize("arch", ARCHES)


@pytest.fixture(scope="module", name="monitor", params=ARCHES)
def fixture_monitor(request):
    """A VM that runs for long, one that has ended, a device; the monitor has the console."""
    directory = OUT / f"monitor-{request.param}"
    directory.mkdir(parents=True, exist_ok=True)
    long = table.vm("long", "state.elf", "vcpus=2 turns=2000000000", vcpus=2,
                    more="host-control;" + table.device_slot(0x110000000, "shm"))
    (directory / "vm.dts").write_text(table.configuration(
        long + table.vm("short", "rules_pin.elf"), devices='shm: shared { driver = "ivshmem"; bar = <2>; };'))
    with Session(directory.name, "run", "--arch", request.param, "-config", directory / "vm.dts", "--cpus", 2,
                 "--devices", limit=120.0) as session:
        session.arch = request.param
        session.expect(r"\[short\] report: \d+ passed, 0 failed")
        session.send(ESCAPE)
        session.expect(r"^monitor> ")
        yield session


COMMANDS = [
    ("help", r"vms(.|\n)*vcpus(.|\n)*slots(.|\n)*why(.|\n)*frame(.|\n)*consumers(.|\n)*quit"),
    ("vms", r"long: running, 2 vCPUs, 64 MiB(.|\n)*short: ended \(powered off"),
    ("vcpus long", r"vCPU 0: .*exits, 0 registers refused\n(.|\n)*vCPU 1: .*exits"),
    ("slots long", r"memory(.|\n)*shared.*gfn 0x110000\.\.0x111000"),
    ("why long 0xPAGE", r"ANON(.|\n)*counted(.|\n)*references 1, pins 0(.|\n)*by notice(.|\n)*leaf at level"),
    ("why long 110000", r"PFNMAP of device memory(.|\n)*no leaf"),
    ("why long 7777777", r"memslot: none"),
    ("s2 long 0xPAGE", r"level ROOT(.|\n)*table(.|\n)*leaf"),
    ("frame IMAGE", r"frame 0xIMAGE: reserved"),
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
    for word, value in WORDS[monitor.arch].items():
        line, pattern = line.replace(word, value), pattern.replace(word, value)
    if line == "kill long":
        monitor.send(line + "\n")  # the last VM's end is the run's
        monitor.expect(r"tenure: end status=0 reason=\S+")
        return
    answer = monitor.command(line, r"((?:.|\n)*?)^monitor> ").group(1)
    assert re.search(pattern, answer), f"{line}: {answer}"


@each_arch
def test_quit(arch):
    """A VM without end is ended by the machine's."""
    with Session(f"monitor quit {arch}", "run", "--arch", arch, "-kernel", small(arch, "state"), "-append",
                 "vcpus=1 turns=2000000000") as run:
        run.expect(r"state: ")
        run.send(ESCAPE)
        run.expect(r"^monitor> ")
        run.send("quit\n")
        run.expect(r"tenure: end status=0 reason=killed")
        assert run.finish() == 0


@each_arch
def test_prompt_after_the_end(arch):
    """With --prompt the monitor has the console when all VMs have ended, and their memory can be looked at."""
    with Session(f"monitor prompt {arch}", "run", "--arch", arch, "-kernel", small(arch, "smp"), "-append", "vcpus=1",
                 "--prompt") as run:
        run.expect(r"all VMs have ended")
        run.expect(r"^monitor> ")
        assert "ended" in run.command("vms", r"((?:.|\n)*?)^monitor> ").group(1)
        run.send("quit\n")
        run.expect(r"tenure: end status=0")
        assert run.finish() == 0


@pytest.mark.parametrize("arch", [arch for arch in ARCHES if arch in REFUSED])
def test_refused_registers(arch):
    """What a guest tried to reach and may not have is counted."""
    with Session(f"monitor refused {arch}", "run", "--arch", arch, "-kernel", small(arch, "isa"), "-smp", 2,
                 "--host-control", "--prompt") as run:
        run.expect(r"report: \d+ passed, 0 failed")
        run.expect(r"^monitor> ")
        assert int(run.command("vcpus", r"vCPU 0: .* (\d+) registers refused").group(1)) == REFUSED[arch]
        run.send("quit\n")
        run.expect(r"tenure: end status=0")
        assert run.finish() == 0


@each_arch
def test_linux_shell(arch):
    """A shell at the end of the guest's serial line: what is typed arrives, and time passes."""
    kernel, words, serial, reason = LINUX[arch]
    subprocess.run([TOP / "tools/mkinitramfs", "--arch", arch], check=True)
    with Session(f"linux shell {arch}", "run", "--arch", arch, "-kernel", debian(arch, kernel), "-initrd",
                 debian(arch, "initramfs.cpio.gz"), "-append", words, limit=150.0) as linux:
        linux.expect(r"^/ # ", 60)
        linux.send("sleep 1; echo done $((6 * 7))\n")
        linux.expect(r"done 42$", 20)
        linux.send("cat /proc/interrupts\n")
        assert int(linux.expect(serial).group(1)) > 0
        linux.send(ESCAPE)
        linux.expect(r"^monitor> ")
        linux.command("vms", r"guest.*running")
        linux.send("go\nexit\n")
        linux.expect(f"tenure: end status=0 reason={reason}", 20)
        assert linux.finish() == 0
