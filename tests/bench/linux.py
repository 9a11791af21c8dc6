#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Linux's boot and memory test, all instructions of the machine, with the hypervisor over without.

  tests/bench/linux.py [--arch x86|arm64|ppc64] [--cpu MODEL] [--mode memory|boot] [--small] [--functions 20]

Counted by tests/bench/plugin/total.c from the kernel's first instruction to the machine's end: what the firmware and
the start of the hypervisor take does not count, on either side. The same kernel, initramfs, command line, memory and
processor; the machine without a hypervisor is the one of QEMU's that a guest's board resembles. --small: leaves of
4 KiB alone. --functions: and where the hypervisor's instructions go."""
import argparse
import bisect
import collections
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))
# pylint: disable=wrong-import-position
from tenure_lib import machine

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLUGIN = os.path.join(TOP, "build/bench/total.so")
LIMIT = 900  # seconds for one run
BLOCKS = 16  # that the memory test writes; a share of the free memory would differ from board to board
PVH_NOTE = 18
PASSED = re.compile(r"^selfcheck: [1-9]\d* passed, 0 failed\r?$", re.MULTILINE)
ENDED = "reboot: Restarting system"
ONE_THREAD = ["-accel", "tcg,thread=single"]
# kernel; where its first instruction is, without a hypervisor and as a guest; the machine without, and the features
# that the hypervisor hides from its guests. pseries is the machine whose hypercalls cost no instruction.
LINUX = {
    "x86": {"kernel": "vmlinux-cloud", "words": "console=ttyS0 reboot=t", "alone": ["-machine", "isapc"],
            "hidden": ",-apic,-svm", "cpu": "EPYC"},
    "arm64": {"kernel": "vmlinuz-cloud", "words": "console=ttyAMA0", "start": (0x40200000, 0x40200000),
              "alone": ["-machine", "virt,gic-version=3,acpi=off"], "cpu": "max,pauth-impdef=on"},
    "ppc64": {"kernel": "vmlinux-full", "words": "console=hvc0", "start": (0x400000, 0), "cpu": "power9",
              "alone": ["-machine", "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken"]},
}
MAX = "max,sve=off,sme=off,pauth=off"  # arm64's, without what guests do not see


class Wrong(Exception):
    """A run that gave no figure."""


# ---- The kernel's first instruction ------------------------------------------------------------------------------

def segments(elf):
    """[(file offset, physical address, bytes)] of a 64-bit little-endian ELF file, with their types."""
    first, size, count = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    for index in range(count):
        kind, _, offset, _, physical, stored = struct.unpack_from("<IIQQQQ", elf, first + size * index)
        yield kind, offset, physical, stored


def pvh_entry(elf):
    """(address, file offset) of the entry that the kernel's Xen note names."""
    for kind, offset, _, stored in segments(elf):
        at = offset
        while kind == 4 and at < offset + stored:  # PT_NOTE
            name, data, note = struct.unpack_from("<III", elf, at)
            content = at + 12 + (name + 3 & ~3)
            if note == PVH_NOTE and elf[at + 12:at + 15] == b"Xen":
                entry = int.from_bytes(elf[content:content + data], "little")
                for load, place, physical, there in segments(elf):
                    if load == 1 and physical <= entry < physical + there:  # PT_LOAD
                        return entry, place + entry - physical
            at = content + (data + 3 & ~3)
    raise Wrong("bench: the kernel has no PVH entry")


def first_instructions(arch, path):
    """((where they are without a hypervisor, as a guest), their bytes)"""
    with open(path, "rb") as file:
        image = file.read()
    if arch == "x86":
        entry, offset = pvh_entry(image)
        return (entry, entry), image[offset:offset + 16]
    loaded = [offset for kind, offset, _, _ in segments(image) if kind == 1] if arch == "ppc64" else [0]
    return LINUX[arch]["start"], image[loaded[0]:loaded[0] + 8]


# ---- The runs ----------------------------------------------------------------------------------------------------

def hypervisor_text(elf):
    """[low, high) of its executable segment; UEFI's and PVH's entries before it do not matter."""
    text = subprocess.run(["llvm-readelf", "-SW", elf], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\] \.text +PROGBITS +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)", text)
    low = int(found.group(1), 16)
    return low, low + int(found.group(2), 16)


def plugin(report, start, code, text=None):
    word = f"{PLUGIN},report={report},start={start:#x},code={code.hex()}"
    return word + (f",low={text[0]:#x},high={text[1]:#x}" if text else "")


def executed(words, report):
    """{"total": N, address: N, ...} of one run, which must have gone well."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=LIMIT, check=False,
                              preexec_fn=machine.die_with_parent)
    except subprocess.TimeoutExpired as error:
        raise Wrong(f"bench: {' '.join(words)}: out of time") from error
    if done.returncode != 0 or not PASSED.search(done.stdout) or ENDED not in done.stdout:
        raise Wrong(f"{done.stdout}\nbench: {' '.join(words)}: status {done.returncode}")
    if not os.path.isfile(report):
        raise Wrong(f"bench: {' '.join(words)}: the kernel's first instruction was not seen")
    with open(report, encoding="utf-8") as file:
        return {name if name == "total" else int(name, 16): int(count) for name, count in map(str.split, file)}


class Linux:
    """One kernel and what is to be run."""

    def __init__(self, arch, cpu=None, build="release", mode="memory"):
        self.arch, self.build, self.board = arch, build, LINUX[arch]
        self.cpu = cpu or self.board["cpu"]
        place = os.path.join(TOP, "build/guests", arch)
        self.kernel, self.initrd = (os.path.join(place, name) for name in (self.board["kernel"], "initramfs.cpio.gz"))
        self.command_line = f"{self.board['words']} tenure.mode={mode} tenure.blocks={BLOCKS}"
        for needed, maker in ((PLUGIN, "make counter"), (self.kernel, f"tools/setup {arch} guests")):
            if not os.path.isfile(needed):
                raise Wrong(f"bench: {needed} is not there: `{maker}` makes it")
        subprocess.run([os.path.join(TOP, "tools/mkinitramfs"), "--arch", arch, "-o", self.initrd], check=True)
        (self.start_alone, self.start_guest), self.code = first_instructions(arch, self.kernel)
        self.elf = os.path.join(TOP, "build", arch, build, "tenure.elf")

    def alone(self):
        """The kernel on the machine itself."""
        model = MAX if self.cpu.startswith("max") else self.cpu + self.board.get("hidden", "")
        with tempfile.TemporaryDirectory(prefix="tenure-") as directory:
            report = os.path.join(directory, "report")
            words = [machine.BOARDS[self.arch]["program"], *self.board["alone"], "-cpu", model, "-smp", "1", "-m",
                     "256M", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel",
                     self.kernel, "-initrd", self.initrd, "-append", self.command_line, "-plugin",
                     plugin(report, self.start_alone, self.code)]
            return executed(words + (ONE_THREAD if self.arch == "ppc64" else machine.COUNTED), report)

    def under(self, small=False):
        """The same as a guest."""
        with tempfile.TemporaryDirectory(prefix="tenure-") as directory:
            report = os.path.join(directory, "report")
            words = [os.path.join(TOP, "tools/tenure"), "run", "--arch", self.arch, "--cpu", self.cpu, "--build",
                     self.build, "--cpus", "1", "-kernel", self.kernel, "-initrd", self.initrd, "-append",
                     self.command_line, "-m", "256M", "--huge-pages", "off" if small else "on"]
            words += ["--count"] if self.arch != "ppc64" else [f"-qemu={word}" for word in ONE_THREAD]
            words += ["-qemu=-plugin",
                      f"-qemu={plugin(report, self.start_guest, self.code, hypervisor_text(self.elf))}"]
            return executed(words, report)


def figures(arch, cpu=None, build="release"):
    """{row of the table: figure}"""
    linux = Linux(arch, cpu, build)
    alone, under, small = linux.alone(), linux.under(), linux.under(small=True)
    own = sum(under.values()) - under["total"]
    return {"linux_ratio": under["total"] / alone["total"], "linux_4k_ratio": small["total"] / alone["total"],
            "linux_own_share": own / under["total"], "linux_alone": float(alone["total"])}


# ---- By itself ---------------------------------------------------------------------------------------------------

def by_function(elf, counts):
    """[(instructions, how often its first one was executed, function)], the greatest first."""
    text = subprocess.run(["llvm-nm", "-n", elf], check=True, capture_output=True, text=True).stdout
    symbols = [(int(at, 16), name) for at, name in re.findall(r"^([0-9a-f]+) [tT] (\S+)$", text, re.MULTILINE)]
    starts = [at for at, _ in symbols]
    total = collections.Counter()
    for at, count in counts.items():
        total[bisect.bisect(starts, at) - 1] += count
    entered = lambda at: max(counts.get(at, 0), counts.get(at + 8, 0))  # ppc64: behind the instructions that set r2
    return [(count, entered(starts[index]), symbols[index][1]) for index, count in total.most_common()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="x86", choices=sorted(LINUX))
    parser.add_argument("--cpu", metavar="MODEL")
    parser.add_argument("--build", default="release")
    parser.add_argument("--mode", default="memory", choices=["memory", "boot"])
    parser.add_argument("--small", action="store_true", help="no leaves larger than 4 KiB")
    parser.add_argument("--functions", type=int, default=0, metavar="N", help="show so many of the hypervisor's")
    options = parser.parse_args()
    try:
        linux = Linux(options.arch, options.cpu, options.build, options.mode)
        alone, under = linux.alone()["total"], linux.under(options.small)
    except Wrong as error:
        sys.exit(str(error))
    total = under.pop("total")
    print(f"{alone / 1e6:10.1f} M instructions without a hypervisor\n{total / 1e6:10.1f} M with, "
          f"{sum(under.values()) / 1e6:.1f} M of them the hypervisor's\n{total / alone:12.4f} times")
    for count, calls, name in by_function(linux.elf, under)[:options.functions]:
        print(f"{count:12} {100 * count / sum(under.values()):5.1f} % {calls:9} times  {name}")


if __name__ == "__main__":
    main()
