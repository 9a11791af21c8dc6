# SPDX-License-Identifier: BSD-2-Clause
"""The runs: image, arguments, CPUs, time limit and expected end of each. Small guests first, by what they test; then
Linux; then what must be refused."""
from harness import DEBIAN, INITRAMFS, SMALL, Run

ALL_GOOD = (r"report: [1-9]\d* passed, 0 failed",)
SHM, POOL = "shm", "pool"


def configuration(vms, host="", devices=""):
    return f"""/dts-v1/;
/ {{
	compatible = "tenure,config-1";
	host {{ {host} }};
	devices {{ {devices} }};
	vms {{ {vms} }};
}};
"""


def vm(name, kernel, cmdline="", memory="64M", vcpus=1, more="host-control;"):
    return (f'{name} {{ memory = "{memory}"; vcpus = <{vcpus}>; kernel = "{kernel}"; '
            f'cmdline = "{cmdline}"; {more} }};\n')


def device_slot(gpa, device, more=""):
    return f"memslot@{gpa:x} {{ gpa = /bits/ 64 <{gpa:#x}>; device = <&{device}>; {more} }};"


def small(name, guest, cmdline="", cpus=1, vcpus=1, memory="64M", limit=60.0, build="debug", host="", slots="",
          devices="", status=0, reason="poweroff", says=ALL_GOOD, more=(), control=True, **others):
    """A small guest alone on the machine."""
    node = vm("guest", f"{guest}.elf", cmdline, memory, vcpus, ("host-control; " if control else "") + slots)
    return Run(name, ["run", "-config", "{dir}/vm.dts", "--cpus", cpus, "--build", build, *more], status, reason,
               says, limit=limit, files={"vm.dts": configuration(node, host, devices)}, **others)


def shm_guest(name, guest, cmdline="", **others):
    return small(name, guest, cmdline, more=("--devices",), slots=device_slot(0x110000000, SHM),
                 devices='shm: shared { driver = "ivshmem"; bar = <2>; };', **others)


def pool_guest(name, order, rounds, **others):
    return small(name, "rules_pool", f"pages={1 << order} rounds={rounds}", slots=device_slot(0x120000000, POOL),
                 devices=f'pool: block {{ driver = "pool"; order = <{order}>; }};', host='pool = "16M";', **others)


RULES = [
    small("hypercalls", "hypercalls"),
    small("hypercalls, release", "hypercalls", build="release"),
    small("hypercalls without host-control", "hypercalls", "plain", control=False),
    small("memslots", "rules_slots"),
    small("memslots, release, 2 CPUs", "rules_slots", "rounds=1000", cpus=2, build="release"),
    small("huge leaves", "rules_huge"),
    small("huge leaves, release", "rules_huge", build="release"),
    small("huge pages off", "rules_huge", "small", host='huge-pages = "off";'),
    small("pins", "rules_pin"),
    small("pins, release", "rules_pin", build="release"),
    small("storm, 2 vCPUs on 1 CPU", "rules_storm", "vcpus=2 rounds=300", vcpus=2, cpus=1),
    small("storm, 2 vCPUs on 2 CPUs", "rules_storm", "vcpus=2 rounds=2000", vcpus=2, cpus=2),
    small("storm, 4 vCPUs on 2 CPUs", "rules_storm", "vcpus=4 rounds=1000", vcpus=4, cpus=2),
    small("storm, 4 vCPUs on 4 CPUs", "rules_storm", "vcpus=4 rounds=100", vcpus=4, cpus=4),
    small("storm, 4 vCPUs on 4 CPUs, release", "rules_storm", "vcpus=4 rounds=100", vcpus=4, cpus=4, build="release"),
    pool_guest("pool, 8 frames, 100000 rounds", 3, 100000, build="release", limit=240.0),
    pool_guest("pool, 512 frames", 9, 40),
    pool_guest("pool, 64 frames", 6, 300),
    pool_guest("pool, 1 frame", 0, 1000),
    shm_guest("a BAR", "rules_bar", vcpus=2, cpus=2),
    shm_guest("a BAR, 1 CPU, release", "rules_bar", vcpus=2, cpus=1, build="release"),
    shm_guest("a BAR by 4 KiB", "rules_bar", "rounds=10", vcpus=2, cpus=2, host='huge-pages = "off";'),
    small("instructions", "isa"),
    small("instructions, release", "isa", build="release"),
    small("instructions on -cpu max", "isa", more=("--cpu", "max")),
    small("extended state, 3 vCPUs on 1 CPU", "state", "vcpus=3", vcpus=3, cpus=1),
    small("extended state, 4 vCPUs on 2 CPUs", "state", "vcpus=4", vcpus=4, cpus=2),
    small("extended state without AVX", "state", "vcpus=2", vcpus=2, more=("--cpu", "qemu64,+svm,+npt")),
    small("vCPUs, 1 on 1", "smp", "vcpus=1"),
    small("vCPUs, 4 on 1", "smp", "vcpus=4 turns=300", vcpus=4, cpus=1),
    small("vCPUs, 4 on 4", "smp", "vcpus=4", vcpus=4, cpus=4),
    small("vCPUs, 8 on 2", "smp", "vcpus=8 turns=300", vcpus=8, cpus=2),
    small("vCPUs, 16 on 4, release", "smp", "vcpus=16 turns=300", vcpus=16, cpus=4, build="release"),
]


def ends(word, status, reason, says=(), **others):
    return small(f"end by {word}", "ends", word, says=(f"ends: {word}",) + says, status=status, reason=reason, **others)


ENDS = [
    ends("exit=0", 1, "exit"),
    ends("exit=5", 11, "exit"),
    ends("exit=32", 65, "exit"),   # the statuses of the runner's own are a guest's too
    ends("exit=127", 255, "exit"),
    ends("end=0", 0, "poweroff"),
    ends("end=7", 15, "exit"),
    ends("cf9", 0, "reset"),
    ends("keyboard", 0, "reset"),
    ends("port92", 0, "reset"),
    ends("halt", 0, "halted"),
    ends("triple", 0, "triple-fault"),  # which is how a PC resets
    ends("state", 70, "unhandled", (r"vm guest",)),
    ends("strange", 70, "unhandled", (r"1c0000000",)),
]


def module_bytes(size):
    return bytes((at * size + (at >> 8)) & 255 for at in range(size))


def multiboot(name, memory, modules=(), status=1, **others):
    words = [w for i in range(len(modules)) for w in ("--module", f"{{dir}}/module{i}=module {i}")]
    return Run(name, ["run", "-kernel", SMALL / "hello.elf", "-m", f"{memory}M", "-append",
                      f"memory={memory} modules={len(modules)} exit={status >> 1}", *words],
               status, "exit", ALL_GOOD + tuple(f"module: module {i}, {s} bytes" for i, s in enumerate(modules)),
               files={f"module{i}": module_bytes(size) for i, size in enumerate(modules)}, **others)


FORMATS = [
    multiboot("Multiboot", 64),
    multiboot("Multiboot with modules", 256, (1, 4096, 70001), status=85),
    multiboot("Multiboot, 8 MiB", 8, (5000,)),
    Run("PVH from the command line", ["run", "-kernel", SMALL / "hypercalls.elf", "-append", "plain"], 0, "poweroff",
        ALL_GOOD),
    Run("PVH by OVMF", ["run", "-kernel", SMALL / "hypercalls.elf", "-append", "plain", "--firmware", "uefi"], 0,
        "poweroff", ALL_GOOD),
]


def linux(name, kernel, mode, memory, *words, cpus=1, limit=300.0, firmware="pvh", build="release", checks=None,
          never=()):
    image = {"cloud64": "vmlinuz-cloud", "cloudpvh": "vmlinux-cloud",
             "full64": "vmlinuz-full", "fullpvh": "vmlinux-full"}[kernel]
    checks = checks or (8 if mode == "memory" else 5)
    return Run(name, ["run", "-kernel", DEBIAN / image, "-initrd", INITRAMFS, "-m", memory, "-append",
                      f"console=ttyS0 reboot=t tenure.mode={mode}", "--cpus", cpus, "--firmware", firmware,
                      "--build", build, *words],
               0, "triple-fault", (f"selfcheck: {checks} passed, 0 failed",), Run.never + never, limit)


LINUX = [
    linux("cloud, 64-bit, 128M, memory", "cloud64", "memory", "128M"),
    linux("cloud, PVH, 1G, memory", "cloudpvh", "memory", "1G"),
    linux("full, 64-bit, 1G, boot", "full64", "boot", "1G"),
    linux("full, PVH, 128M, memory", "fullpvh", "memory", "128M"),
    linux("cloud, PVH, 256M, debug, 4K, no clock", "cloudpvh", "memory", "256M", "--huge-pages", "off", "--no-clock",
          build="debug", never=("kvm-clock", "Hypervisor detected")),
    linux("cloud, 64-bit, 256M, OVMF, 2 CPUs, debug", "cloud64", "boot", "256M", firmware="uefi", cpus=2,
          build="debug"),
    linux("full, PVH, 1G, 4 CPUs", "fullpvh", "boot", "1G", cpus=4),
    linux("cloud, 32-bit, 256M, qemu64", "cloud64", "boot", "256M", "--format", "linux32", "--cpu", "qemu64,+svm,+npt"),
    linux("cloud, 64-bit, 4G", "cloud64", "boot", "4G"),
    linux("cloud, PVH, 128M, -cpu max", "cloudpvh", "boot", "128M", "--cpu", "max"),
]

# Beside a VM that takes all of the host's memory: whoever needs none then does not notice.
NEIGHBOURS = (vm("modest", "smp.elf", "vcpus=2 turns=3000", vcpus=2, more="populate;")
              + vm("late", "smp.elf", "vcpus=1 turns=200000", more="populate;"))

SEVERAL = [
    Run("four VMs at once", ["run", "-config", "{dir}/vm.dts", "--cpus", 2, "--build", "release", "-file",
                             f"vmlinux={DEBIAN / 'vmlinux-cloud'}", "-file", f"initramfs={INITRAMFS}"],
        0, "", (r"^\[one\] selfcheck: 5 passed, 0 failed", r"^\[two\] selfcheck: 5 passed, 0 failed",
                r"^\[three\] report: [1-9]\d* passed, 0 failed", r"^\[four\] report: [1-9]\d* passed, 0 failed"),
        limit=150.0, files={"vm.dts": configuration(
            "".join(vm(n, "vmlinux", "console=ttyS0 reboot=t tenure.mode=boot", "128M", 1, 'initrd = "initramfs";')
                    for n in ("one", "two"))
            + vm("three", "rules_storm.elf", "vcpus=3 rounds=300 shared", vcpus=3)
            + vm("four", "rules_slots.elf", "shared"))}),
    Run("host memory runs out", ["run", "-config", "{dir}/vm.dts", "--cpus", 2, "--host-memory", "512M"],
        70, "", (r"greedy.*(memory|frame)", r"^\[modest\] report: [1-9]\d* passed, 0 failed",
                 r"^\[late\] report: [1-9]\d* passed, 0 failed"),
        files={"vm.dts": configuration(
            vm("greedy", "oom.elf", "mib=1000", "1G") + NEIGHBOURS)}),
    Run("host memory runs out for the only VM", ["run", "-kernel", SMALL / "oom.elf", "-m", "1G", "-append", "mib=1000",
                                                 "--host-memory", "256M"],
        70, "out-of-memory", (r"oom: 64 MiB touched",)),
    Run("all memory is touched where there is enough", ["run", "-kernel", SMALL / "oom.elf", "-m", "256M", "-append",
                                                        "mib=250 enough"], 0, "poweroff", ALL_GOOD),
]

SIMPLE = vm("guest", "smp.elf", "vcpus=1")


def bad(name, text, *says):
    return Run(f"configuration: {name}", ["run", "-config", "{dir}/vm.dts"], 65, "", says, files={"vm.dts": text})


BAD_CONFIGURATIONS = [
    bad("other compatible", configuration(SIMPLE).replace("config-1", "config-9"), r"compatible.*config-9"),
    bad("no VM", configuration(""), r"vms|VM"),
    bad("unknown property", configuration(SIMPLE, host="cpu = <2>;"), r"/host.*cpu"),
    bad("unknown node", configuration(SIMPLE).replace("host {", "hosts {"), r"/hosts"),
    bad("no kernel", configuration('guest { memory = "64M"; vcpus = <1>; };'), r"/vms/guest.*kernel"),
    bad("no memory", configuration('guest { vcpus = <1>; kernel = "smp.elf"; };'), r"/vms/guest.*memory"),
    bad("a size that is none", configuration(vm("guest", "smp.elf", memory="64Q")), r"/vms/guest.*memory"),
    bad("too many vCPUs", configuration(vm("guest", "smp.elf", vcpus=17)), r"/vms/guest.*vcpus"),
    bad("a module that is not there", configuration(vm("guest", "nothing.elf")), r"/vms/guest.*kernel.*nothing.elf"),
    bad("an unknown format", configuration(vm("guest", "smp.elf", more='format = "zip";')), r"/vms/guest.*format"),
    bad("clock and no clock", configuration(vm("guest", "smp.elf", more="clock; no-clock;")), r"/vms/guest.*clock"),
    bad("overlapping memslots", configuration(vm("guest", "smp.elf", more="""
        memslot@100000000 { gpa = /bits/ 64 <0x100000000>; size = "2M"; };
        memslot@100100000 { gpa = /bits/ 64 <0x100100000>; size = "2M"; };""")), r"memslot@.*gpa.*overlap"),
    bad("a memslot in the RAM", configuration(vm("guest", "smp.elf", more=
        'memslot@100000 { gpa = /bits/ 64 <0x100000>; size = "2M"; };')), r"memslot@100000.*gpa"),
    bad("a device that the machine lacks", configuration(vm("guest", "smp.elf", more=device_slot(0x100000000, SHM)),
        devices='shm: shared { driver = "ivshmem"; bar = <2>; };'), r"shared|ivshmem"),
    bad("an unknown driver", configuration(SIMPLE, devices='x: x { driver = "nic"; bar = <0>; };'),
        r"/devices/x.*driver"),
    Run("configuration: not a tree", ["run", "-config", "{dir}/vm.dtb"], 65, "", (r"tenure: .*config",),
        files={"vm.dtb": b"This is no device tree.\n" * 20}),
    Run("configuration: dtc refuses it", ["run", "-config", "{dir}/vm.dts"], 65, "", (r"dtc refuses", r"syntax error"),
        files={"vm.dts": "/dts-v1/; / { host = ; };"}),
]


def bad_image(name, data, *says, words=()):
    return Run(f"image: {name}", ["run", "-kernel", "{dir}/kernel", *words], 65, "", says,
               files={"kernel": data})


def damaged(guest, change):
    data = bytearray((SMALL / f"{guest}.elf").read_bytes()) if (SMALL / f"{guest}.elf").is_file() else bytearray(4096)
    change(data)
    return bytes(data)


def put(offset, value):
    def change(data):
        data[offset:offset + len(value)] = value
    return change


def cut(length):
    def change(data):
        del data[length:]
    return change


IMAGE = r"tenure: .*(kernel|image|ELF|segment|format)"
BAD_IMAGES = [
    bad_image("empty", b"", r"tenure: "),
    bad_image("text", b"#!/bin/sh\n" * 1000, IMAGE),
    bad_image("cut ELF64", damaged("smp", cut(8192)), IMAGE),
    bad_image("cut ELF32", damaged("hello", cut(4400)), IMAGE),
    bad_image("program headers far away", damaged("smp", put(32, (1 << 62).to_bytes(8, "little"))), IMAGE),
    bad_image("headers of a wrong size", damaged("smp", put(54, b"\1\0")), IMAGE),
    bad_image("wrong format asked for", damaged("smp", cut(1 << 30)), IMAGE, words=("--format", "linux64")),
    Run("image: initrd too large", ["run", "-kernel", DEBIAN / "vmlinux-cloud", "-initrd", DEBIAN / "vmlinux-full",
                                    "-m", "100M"], 65, "", (r"tenure: .*(initrd|memory|fit)",)),
    bad_image("a flat image", b"\x90" * 4096, r"tenure: .*flat", words=("--format", "flat")),
    Run("image: no such file", ["run", "-kernel", "{dir}/nothing"], 65, "", (r"nothing: no such file",)),
]

HOSTS = [
    Run("host: a CPU without SVM", ["run", "-kernel", SMALL / "smp.elf", "--cpu", "qemu64,-svm"], 70, "",
        (r"tenure: .*SVM",)),
    Run("host: a CPU without nested paging", ["run", "-kernel", SMALL / "smp.elf", "--cpu", "qemu64,+svm,-npt"], 70, "",
        (r"tenure: .*(nested paging|NPT)",)),
    Run("host: too little memory", ["run", "-kernel", SMALL / "smp.elf", "--host-memory", "4M"], 70, "",
        (r"tenure: .*memory",)),
    Run("host: out of time", ["run", "-kernel", SMALL / "state.elf", "-append", "vcpus=1 turns=2000000000",
                              "--timeout", "3"], 124, "", (r"out of time",)),
]
