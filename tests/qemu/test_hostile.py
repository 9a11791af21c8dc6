# SPDX-License-Identifier: BSD-2-Clause
"""Guests that mean harm (guests/hostile.c, guests/oom.c), beside Linux, which must not notice: its sums are right, and
it is never kept from running for longer than init's check_stall allows. What ends such a VM is said in words; the
hypervisor and the census stay whole."""
import harness
from table import configuration, vm

# Kernel, its command line, init's checks.
KERNELS = {"x86": ("vmlinux-cloud", "console=ttyS0 reboot=t", 9), "arm64": ("vmlinuz-cloud", "console=ttyAMA0", 8),
           "ppc64": ("vmlinux-full", "console=hvc0", 8)}
DEBIAN = harness.TOP / "build/guests"
CENSUS = r"census: every frame is back"
GOOD = r"report: [1-9]\d* passed, 0 failed"
BROKEN = (r"assertion|broken:|UBSan|exception in the hypervisor", r"census: (?!every).*")
MS = 20000
LOST = (70, (r"vm (bad|astray): could not go on: \w+ at gpa 0x[0-9a-f]+: no memslot",))
# What becomes of a guest whose tables lie where nothing is. POWER's learns of it by a machine check, and goes on.
ASTRAY = {"x86": LOST, "arm64": LOST, "ppc64": (0, (r"report: an attack was under way ok",))}


def hostile(name, words, vcpus, ms=MS, more=""):
    return vm(name, "hostile.elf", f"{words} vcpus={vcpus} ms={ms}", "32M", vcpus, f"populate; {more}")


def alone(arch, words, vcpus=3, status=0, says=(GOOD,), never=(r"report: .* FAIL",)):
    return harness.Run(f"{arch}, hostile: {words}", ["run", "--arch", arch, "-config", "{dir}/vm.dts", "--cpus", 2],
                       status, "", (CENSUS,) + says, BROKEN + never,
                       files={"vm.dts": configuration(
                           hostile("bad", words, vcpus, 1500, "host-control;" if words == "control" else ""))})


def beside_linux(arch):
    kernel, console, checks = KERNELS[arch]
    # Linux boots with a tenth of a processor, while its own watchdog counts seconds of the wall.
    words = f"{console} tenure.mode=memory tenure.percent=20 tenure.stall=3 watchdog_thresh=60"
    linux = vm("linux", "kernel", words, "128M", 1, 'populate; initrd = "initramfs";')
    greedy = vm("greedy", "oom.elf", "mib=4096", "4G")
    return harness.Run(
        f"{arch}, Linux beside hostile guests",
        ["run", "--arch", arch, "-config", "{dir}/vm.dts", "--cpus", 3, "--host-memory", "1G", "--build", "release",
         "-file", f"kernel={DEBIAN / arch / kernel}", "-file", f"initramfs={DEBIAN / arch / 'initramfs.cpio.gz'}"],
        70, "", (rf"^\[linux\] selfcheck: {checks} passed, 0 failed", CENSUS,
                 r"\[linux\] selfcheck: stall ok", *ASTRAY[arch][1], r"vm greedy: .*memory",
                 *(rf"^\[{name}\] {GOOD}" for name in VMS)),
        (r"selfcheck: \S+ FAIL",) + BROKEN, 240.0, files={"vm.dts": configuration(
            linux + greedy + hostile("calls", "calls memory code spin", 5) + hostile("storm", "interrupts spin", 3)
            + hostile("tables", "tables device", 3) + hostile("control", "control", 3, MS, "host-control;")
            + hostile("chaos", "chaos", 2) + hostile("astray", "astray", 2))})


VMS = ("calls", "storm", "tables", "control")
RUNS = [run for arch in harness.ARCHES for run in (
    beside_linux(arch), alone(arch, "calls"), alone(arch, "control"), alone(arch, "memory", 2),
    alone(arch, "tables", 2), alone(arch, "code", 2), alone(arch, "spin"),
    alone(arch, "interrupts"), alone(arch, "device"),
    alone(arch, "astray", 2, *ASTRAY[arch]))]


test_hostile = harness.judged(RUNS)


CHAOS = [alone(arch, f"chaos seed={seed}", 2, says=(), never=()) for arch in harness.ARCHES for seed in (1, 2, 3)]


@harness.each(CHAOS)
def test_chaos(run, outcome):
    """Random words as instructions: the VM may end in any way, but in words, and nothing else does."""
    run.status = outcome.status
    harness.judge(run, outcome)
    assert "vm bad: " in outcome.text and outcome.status in (0, 1, 3, 5, 70)
