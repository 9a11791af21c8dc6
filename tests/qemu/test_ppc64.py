# SPDX-License-Identifier: BSD-2-Clause
"""ppc64: the same guests, the tour, Debian's kernel, the ends and refusals that are its own, on POWER9 and POWER10."""
import struct

import harness
from table import ALL_GOOD, NEIGHBOURS, POOL, SHM, configuration, device_slot, vm
from test_tour import SAYS as TOUR
from test_x86 import SELFTEST

SMALL = harness.TOP / "build/ppc64/guests"
DEBIAN = harness.TOP / "build/guests/ppc64"
INITRAMFS = DEBIAN / "initramfs.cpio.gz"
P9, P10 = ("--cpu", "power9"), ("--cpu", "power10")
RELEASE = ("--build", "release")
RAW = ("--firmware", "raw")  # without skiboot, which costs more than most of these guests; it has no PCI


def run(name, verb, *words, status=0, reason="poweroff", says=ALL_GOOD, **others):
    return harness.Run(f"ppc64, {name}", [verb, "--arch", "ppc64", *words], status, reason, says, **others)


def small(name, guest, cmdline="", *words, cpus=1, vcpus=1, host="", slots="", devices="", control=True, **others):
    node = vm("guest", f"{guest}.elf", cmdline, "64M", vcpus, ("host-control; " if control else "") + slots)
    firmware = () if "--devices" in words else RAW
    return run(name, "run", "-config", "{dir}/vm.dts", "--cpus", cpus, *firmware, *words,
               files={"vm.dts": configuration(node, host, devices)}, **others)


def on_both(name, guest, cmdline="", *words, **others):
    return [small(f"{name}, power9", guest, cmdline, *P9, *words, **others),
            small(f"{name}, power10", guest, cmdline, *P10, *words, **others)]


def bar(name, *words, **others):
    return small(name, "rules_bar", "", "--devices", *words, slots=device_slot(0x110000000, SHM),
                 devices='shm: shared { driver = "ivshmem"; bar = <2>; };', vcpus=2, **others)


def pool(name, order, rounds, *words):
    return small(name, "rules_pool", f"pages={1 << order} rounds={rounds}", *words,
                 slots=device_slot(0x120000000, POOL),
                 devices=f'pool: block {{ driver = "pool"; order = <{order}>; }};', host='pool = "16M";')


RULES = [
    *on_both("hypercalls", "hypercalls"),
    small("hypercalls without host-control", "hypercalls", "plain", control=False),
    *on_both("memslots", "rules_slots"),
    small("memslots, release, 2 CPUs", "rules_slots", "rounds=1000", *RELEASE, cpus=2),
    *on_both("huge leaves", "rules_huge"),
    small("huge pages off", "rules_huge", "small", host='huge-pages = "off";'),
    *on_both("leaves of 64 KiB", "leaves"),
    small("leaves of 64 KiB, 2 vCPUs on 1 CPU, release", "leaves", "vcpus=2", *RELEASE, vcpus=2),
    *on_both("leaves of 64 KiB, 2 vCPUs on 2 CPUs", "leaves", "vcpus=2", vcpus=2, cpus=2),
    *on_both("pins", "rules_pin"),
    small("storm, 2 vCPUs on 1 CPU", "rules_storm", "vcpus=2 rounds=300", vcpus=2),
    *on_both("storm, 2 vCPUs on 2 CPUs", "rules_storm", "vcpus=2 rounds=1000", vcpus=2, cpus=2),
    small("storm, 4 vCPUs on 4 CPUs, release", "rules_storm", "vcpus=4 rounds=100", *RELEASE, vcpus=4, cpus=4,
          limit=180.0),
    pool("pool, 512 frames", 9, 40),
    pool("pool, 64 frames, power10", 6, 300, *P10),
    pool("pool, 1 frame, release", 0, 1000, *RELEASE),
    bar("a BAR", cpus=2),
    bar("a BAR, 1 CPU, power10, release", *P10, *RELEASE, cpus=1),
    *on_both("extended state, 3 vCPUs on 1 CPU", "state", "vcpus=3", vcpus=3),
    small("extended state, 4 vCPUs on 2 CPUs", "state", "vcpus=4", vcpus=4, cpus=2),
    small("vCPUs, 1 on 1", "smp", "vcpus=1"),
    small("vCPUs, 4 on 1", "smp", "vcpus=4 turns=300", vcpus=4),
    small("vCPUs, 4 on 4", "smp", "vcpus=4", vcpus=4, cpus=4),
    small("vCPUs, 8 on 2, power10, release", "smp", "vcpus=8 turns=300", *P10, *RELEASE, vcpus=8, cpus=2),
]


def ends(word, status, reason, says=(), **others):
    return small(f"end by {word}", "ends", word, status=status, reason=reason, says=(f"ends: {word}",) + says, **others)


ENDS = [
    ends("end=0", 0, "poweroff"),
    ends("end=7", 15, "exit"),
    ends("off", 0, "poweroff"),
    ends("reset", 0, "reset"),
    ends("stop-self", 0, "halted"),
    ends("interrupts", 0, "poweroff", ALL_GOOD),
    ends("rtas", 0, "poweroff", ALL_GOOD),
]

# powernv has no less than 1 GiB.
SEVERAL = [
    run("host memory runs out", "run", "-config", "{dir}/vm.dts", "--cpus", 2, "--host-memory", "1G", status=70,
        reason="", says=(r"greedy.*(memory|frame)", r"^\[modest\] report: [1-9]\d* passed, 0 failed",
                         r"^\[late\] report: [1-9]\d* passed, 0 failed"),
        files={"vm.dts": configuration(
            vm("greedy", "oom.elf", "mib=2000", "2G") + NEIGHBOURS)}),
    run("host memory runs out for the only VM", "run", "-kernel", SMALL / "oom.elf", "-m", "1G", "-append", "mib=1000",
        "--host-memory", "1G", status=70, reason="out-of-memory", says=(r"oom: 64 MiB touched",)),
]

TOURS = [run("tour", "tour", "--picture", "{dir}/tour.png", says=TOUR, limit=120.0),
         run("tour, power10, 1 CPU, release", "tour", "--picture", "{dir}/tour.png", *P10, *RELEASE, "--cpus", 1,
             says=TOUR, limit=120.0)]


def linux(name, mode, memory, vcpus, *words, build="release", end="reset", **others):
    """end: the hypervisor's word for it; Linux does as tenure.end says, or restarts."""
    checks = 7 if mode == "memory" else 4
    append = f"console=hvc0 tenure.mode={mode}" + (f" tenure.end={end}" if end != "reset" else "")
    return run(name, "run", "-kernel", DEBIAN / "vmlinux-full", "-initrd", INITRAMFS, "-m", memory, "-smp", vcpus,
               "-append", append, "--build", build, *words, reason=end,
               says=(f"selfcheck: {checks} passed, 0 failed", rf"smp: Brought up 1 node, {vcpus} CPU"), limit=300.0,
               **others)


LINUX = [
    linux("Linux, 256M, 1 vCPU, memory, power9", "memory", "256M", 1, *P9),
    linux("Linux, 512M, 2 vCPUs, memory, power9, powers off", "memory", "512M", 2, *P9, end="poweroff"),
    linux("Linux, 256M, 1 vCPU, memory, 4K, power10", "memory", "256M", 1, *P10, "--huge-pages", "off"),
    linux("Linux, 512M, 2 vCPUs, memory, power10", "memory", "512M", 2, *P10),
    linux("Linux, 1G, 1 vCPU, power10", "boot", "1G", 1, *P10),
    linux("Linux, 256M, 2 vCPUs on 1 CPU, debug", "boot", "256M", 2, "--cpus", 1, build="debug"),
    run("Linux, a shell", "linux", *RAW, stdin=b"echo done $((6 * 7)); exit\n", reason="reset", says=(r"done 42$",),
        limit=120.0),
]


def bad_image(name, data, *says, words=()):
    return run(f"image: {name}", "run", "-kernel", "{dir}/kernel", *words, status=65, reason="", says=says,
               files={"kernel": data})


def elf(machine=21, entry=0x2000, paddr=0, size=0x1000, order="<"):
    """The first page of an ELF64 file of one segment."""
    kind = b"\x7fELF\2" + (b"\1" if order == "<" else b"\2") + b"\1" + bytes(9)
    return (kind + struct.pack(order + "HHIQQQIHHHHHH", 2, machine, 1, entry, 64, 0, 2, 64, 56, 1, 0, 0, 0)
            + struct.pack(order + "IIQQQQQQ", 1, 5, 0, 0, paddr, 120, size, 4096)).ljust(4096, b"\0")


REFUSED = [
    bad_image("empty", b"", r"tenure: "),
    bad_image("no ELF file", bytes(8192), r"tenure: .*no ELF file"),
    bad_image("another processor's", elf(machine=62), r"tenure: .*(ppc|PowerPC|processor|machine)"),
    bad_image("big-endian", elf(order=">"), r"tenure: .*byte order"),
    bad_image("behind the RAM", elf(paddr=1 << 40), r"tenure: .*RAM for it ends"),
    bad_image("a PC's format", bytes(8192), r"tenure: .*ELF files only", words=("--format", "multiboot")),
    run("image: larger than the memory", "run", "-kernel", DEBIAN / "vmlinux-full", "-m", "16M", status=65, reason="",
        says=(r"tenure: .*RAM for it ends",)),
    run("image: initrd too large", "run", "-kernel", SMALL / "smp.elf", "-initrd", DEBIAN / "vmlinux-full", "-m", "32M",
        status=65, reason="", says=(r"tenure: .*initial RAM disk",)),
]


def conformance(name, *words):
    return run(f"conformance, {name}", "run", "-config", "{dir}/vm.dts", *words, reason="selftest",
               says=(r"conformance: \d{2} passed, 0 failed",), files={"vm.dts": SELFTEST})


PROCESSORS = [conformance("power9, 2 CPUs", *P9, "--cpus", 2), conformance("power10, 2 CPUs", *P10, "--cpus", 2),
              conformance("power9, release", *P9, *RELEASE), conformance("power10, release", *P10, *RELEASE),
              conformance("power9, 4 CPUs, devices", *P9, "--cpus", 4, "--devices"),
              conformance("power9, raw", *P9, *RAW), conformance("power10, raw", *P10, *RAW)]


test_processor = harness.judged(PROCESSORS)
test_rules = harness.judged(RULES)
test_ends = harness.judged(ENDS)
test_several = harness.judged(SEVERAL)
test_tour = harness.judged(TOURS)
test_linux = harness.judged(LINUX)
test_refused = harness.judged(REFUSED)
