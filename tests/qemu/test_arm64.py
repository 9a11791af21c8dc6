# SPDX-License-Identifier: BSD-2-Clause
"""arm64: the same guests, the tour, Debian's kernels, the ends and refusals that are its own."""
import harness
from table import ALL_GOOD, NEIGHBOURS, POOL, SHM, configuration, device_slot, vm
from test_tour import SAYS as TOUR
from test_x86 import SELFTEST

SMALL = harness.TOP / "build/arm64/guests"
DEBIAN = harness.TOP / "build/guests/arm64"
INITRAMFS = DEBIAN / "initramfs.cpio.gz"
MAX, N1, A72 = (), ("--cpu", "neoverse-n1"), ("--cpu", "cortex-a72")


def run(name, verb, *words, status=0, reason="poweroff", says=ALL_GOOD, **others):
    return harness.Run(f"arm64, {name}", [verb, "--arch", "arm64", *words], status, reason, says, **others)


def small(name, guest, cmdline="", *words, cpus=1, vcpus=1, host="", slots="", devices="", control=True, **others):
    node = vm("guest", f"{guest}.elf", cmdline, "64M", vcpus, ("host-control; " if control else "") + slots)
    return run(name, "run", "-config", "{dir}/vm.dts", "--cpus", cpus, *words,
               files={"vm.dts": configuration(node, host, devices)}, **others)


def on_each(name, guest, cmdline="", *words, **others):
    """By hardware's access flags and with VHE (max, neoverse-n1), and without either (cortex-a72)."""
    return [small(f"{name}, {cpu}", guest, cmdline, *words, *more, **others)
            for cpu, more in (("max", MAX), ("neoverse-n1", N1), ("cortex-a72", A72))]


def bar(name, *words, **others):
    return small(name, "rules_bar", "", "--devices", *words, slots=device_slot(0x110000000, SHM),
                 devices='shm: shared { driver = "ivshmem"; bar = <2>; };', vcpus=2, **others)


def pool(name, order, rounds, *words):
    return small(name, "rules_pool", f"pages={1 << order} rounds={rounds}", *words,
                 slots=device_slot(0x120000000, POOL),
                 devices=f'pool: block {{ driver = "pool"; order = <{order}>; }};', host='pool = "16M";')


RELEASE = ("--build", "release")
RULES = [
    *on_each("hypercalls", "hypercalls"),
    small("hypercalls without host-control", "hypercalls", "plain", control=False),
    *on_each("memslots", "rules_slots"),
    small("memslots, release, 2 CPUs", "rules_slots", "rounds=1000", *RELEASE, cpus=2),
    *on_each("huge leaves", "rules_huge"),
    small("huge pages off", "rules_huge", "small", host='huge-pages = "off";'),
    *on_each("pins", "rules_pin"),
    *on_each("storm, 2 vCPUs on 2 CPUs", "rules_storm", "vcpus=2 rounds=1000", vcpus=2, cpus=2),
    small("storm, 4 vCPUs on 4 CPUs, release", "rules_storm", "vcpus=4 rounds=100", *RELEASE, vcpus=4, cpus=4),
    pool("pool, 512 frames", 9, 40),
    pool("pool, 64 frames", 6, 300, *A72),
    pool("pool, 1 frame, release", 0, 1000, *RELEASE),
    bar("a BAR", cpus=2),
    bar("a BAR, 1 CPU, cortex-a72, release", *A72, *RELEASE, cpus=1),
    *on_each("instructions", "isa", vcpus=2),
    *on_each("extended state, 3 vCPUs on 1 CPU", "state", "vcpus=3", vcpus=3),
    small("vCPUs, 4 on 4", "smp", "vcpus=4", vcpus=4, cpus=4),
    small("vCPUs, 8 on 2, release", "smp", "vcpus=8 turns=300", *RELEASE, vcpus=8, cpus=2),
    small("vCPUs, 2 on 1, UEFI, release", "smp", "vcpus=2", *RELEASE, "--firmware", "uefi", vcpus=2),
]


def ends(word, status, reason, says=(), **others):
    return small(f"end by {word}", "ends", word, status=status, reason=reason, says=(f"ends: {word}",) + says, **others)


ENDS = [
    ends("end=0", 0, "poweroff"),
    ends("end=7", 15, "exit"),
    ends("off", 0, "poweroff"),
    ends("reset", 0, "reset"),
    ends("halt", 0, "halted"),
    ends("cpu-off", 0, "halted"),
    ends("aborts", 0, "poweroff", ALL_GOOD),
    *[ends(word, 70, "unhandled", (r"device access: not supported", rf"gpa 0x{where}", r" x28 ",
                                                rf"instruction at pc: {code}"))
      for word, where, code in (("vector", "9000000", "3dc"), ("exclusive", "9000018", "885f7"),
                                ("atomic", "9000024", "b8"))],
]

TOURS = [run("tour, UEFI", "tour", "--picture", "{dir}/tour.png", says=TOUR, limit=120.0),
         run("tour, direct, cortex-a72, release", "tour", "--firmware", "direct", "--picture", "{dir}/tour.png", *A72,
             *RELEASE, says=TOUR, limit=120.0)]


def linux(name, kernel, mode, memory, vcpus, *words):
    checks = 7 if mode == "memory" else 4
    return run(name, "run", "-kernel", DEBIAN / f"vmlinuz-{kernel}", "-initrd", INITRAMFS, "-m", memory, "-smp", vcpus,
               "-append", f"console=ttyAMA0 tenure.mode={mode}", "--build", "release", *words, reason="reset",
               says=(f"selfcheck: {checks} passed, 0 failed", rf"smp: Brought up 1 node, {vcpus} CPU"), limit=300.0)


LINUX = [
    linux("cloud, 256M, 1 vCPU, memory, max", "cloud", "memory", "256M", 1),
    linux("cloud, 256M, 2 vCPUs, memory, max", "cloud", "memory", "256M", 2),
    linux("full, 512M, 2 vCPUs, memory, neoverse-n1", "full", "memory", "512M", 2, *N1),
    linux("cloud, 256M, 2 vCPUs, memory, cortex-a72", "cloud", "memory", "256M", 2, *A72),
    linux("full, 1G, 1 vCPU, cortex-a72, 4K", "full", "boot", "1G", 1, *A72, "--huge-pages", "off"),
    linux("full, 256M, 2 vCPUs on 1 CPU, UEFI", "full", "boot", "256M", 2, "--cpus", 1, "--firmware", "uefi"),
    run("cloud, a shell", "linux", "--firmware", "direct", stdin=b"cat /proc/interrupts\nexit\n", reason="reset",
        says=(r"[1-9]\d* .*uart-pl011",), limit=60.0),
]

SEVERAL = [
    run("two Linux and two small VMs at once", "run", "-config", "{dir}/vm.dts", "--cpus", 2, *RELEASE, "-file",
        f"image={DEBIAN / 'vmlinuz-cloud'}", "-file", f"initramfs={INITRAMFS}", reason="",
        says=(r"^\[one\] selfcheck: 4 passed, 0 failed", r"^\[two\] selfcheck: 4 passed, 0 failed",
              r"^\[three\] report: [1-9]\d* passed, 0 failed", r"^\[four\] report: [1-9]\d* passed, 0 failed"),
        limit=200.0, files={"vm.dts": configuration(
            "".join(vm(n, "image", "console=ttyAMA0 tenure.mode=boot", "192M", 2, 'initrd = "initramfs";')
                    for n in ("one", "two"))
            + vm("three", "rules_storm.elf", "vcpus=3 rounds=300 shared", vcpus=3)
            + vm("four", "rules_slots.elf", "shared"))}),
    run("host memory runs out", "run", "-config", "{dir}/vm.dts", "--cpus", 2, "--host-memory", "512M", *A72,
        status=70, reason="", says=(r"greedy.*(memory|frame)", r"^\[modest\] report: [1-9]\d* passed, 0 failed",
                                             r"^\[late\] report: [1-9]\d* passed, 0 failed"),
        files={"vm.dts": configuration(vm("greedy", "oom.elf", "mib=1000", "1G") + NEIGHBOURS)}),
]


def bad_image(name, data, *says, words=()):
    return run(f"image: {name}", "run", "-kernel", "{dir}/kernel", *words, status=65, reason="", says=says,
               files={"kernel": data})


REFUSED = [
    bad_image("empty", b"", r"tenure: "),
    bad_image("an ELF file", b"\x7fELF" + bytes(8192), r"tenure: .*ELF file: make a flat binary"),
    bad_image("gzip", b"\x1f\x8b" + bytes(8192), r"tenure: .*gzip: unpack"),
    bad_image("a PC's format", bytes(8192), r"tenure: .*format", words=("--format", "multiboot")),
    run("image: larger than the memory", "run", "-kernel", DEBIAN / "vmlinuz-full", "-m", "16M", status=65, reason="",
        says=(r"tenure: .*RAM ends",)),
    run("configuration: a memslot over a device", "run", "-config", "{dir}/vm.dts", status=65, reason="",
        says=(r"memslot@9000000: gpa: 0x9000000 is among the addresses of the board's devices, which end at 0x40000000",
              ), files={"vm.dts": configuration(vm("guest", "smp.elf", more='memslot@9000000 { gpa = /bits/ 64 '
                                                   '<0x9000000>; size = "4K"; };'))}),
    run("host: entered at EL1", "run", "-kernel", SMALL / "smp.img", "-qemu=-machine", "-qemu=virtualization=off",
        status=70, reason="", says=(r"virtualization=on",)),
]


def conformance(name, vhe, *words):
    return run(f"conformance, {name}", "run", "-config", "{dir}/vm.dts", *words, reason="selftest",
               says=(r"conformance: \d{2} passed, 0 failed", f"arm64: EL2 {vhe} VHE"), files={"vm.dts": SELFTEST})


PROCESSORS = [conformance("max, 2 CPUs", "with", "--cpus", 2), conformance("neoverse-n1", "with", *N1),
              conformance("cortex-a72, 2 CPUs", "without", *A72, "--cpus", 2),
              conformance("max, counted", "with", "--count"),
              conformance("max, UEFI, release", "with", *RELEASE, "--firmware", "uefi"),
              conformance("cortex-a72, UEFI, release", "without", *A72, *RELEASE, "--firmware", "uefi")]


test_processor = harness.judged(PROCESSORS)
test_rules = harness.judged(RULES)
test_ends = harness.judged(ENDS)
test_tour = harness.judged(TOURS)
test_linux = harness.judged(LINUX)
test_several = harness.judged(SEVERAL)
test_refused = harness.judged(REFUSED)
