# SPDX-License-Identifier: BSD-2-Clause
"""ppc64: the pseries board as a guest sees it, and what the entry refuses: an archive that is damaged, a
configuration that is, a processor that is not in hypervisor mode, one that is too old, an image that is not there."""
import struct
import subprocess
import time

import harness
import pytest
from table import configuration, vm
from tenure_lib.machine import Qmp

ELF = harness.TOP / "build/ppc64/debug/tenure.elf"
PAPR = harness.TOP / "build/ppc64/guests/papr.elf"
LINKED, LOW = 0x20000000, 0x1000000
QEMU_LIMIT = 200.0
RESET_BY_HAND = 1 << 63 - 44  # Power ISA 3.0B, book III, 7.5.1: SRR1 bits 42..45 are the implementation's


def papr(name, *words):
    return harness.Run(f"ppc64, PAPR, {name}", ["run", "--arch", "ppc64", "-kernel", PAPR, "-smp", "2", *words], 0,
                       "poweroff", (r"report: [1-9]\d* passed, 0 failed", r"papr: \d+ exits for"), limit=120.0)


def drops():
    """RTAS while the host takes its arguments away, for which the guest needs host-control."""
    node = vm("guest", "papr.elf", "drops", vcpus=2)
    return harness.Run("ppc64, PAPR, drops", ["run", "--arch", "ppc64", "-config", "{dir}/vm.dts", "-file",
                                              f"papr.elf={PAPR}", "--cpus", "2"], 0, "poweroff",
                       (r"report: [1-9]\d* passed, 0 failed", r"papr: \d\d+ calls under drops"), limit=120.0,
                       files={"vm.dts": configuration(node)})


BOARD = [drops(), papr("2 vCPUs on 1 CPU, power9", "--cpus", "1"),
         papr("2 vCPUs on 2 CPUs, power10", "--cpus", "2", "--cpu", "power10")]


test_board = harness.judged(BOARD)


def firmware(machine, *words):
    """The hypervisor under skiboot, without the runner: QEMU's status and the console."""
    done = subprocess.run(["qemu-system-ppc64", "-M", machine, "-m", "1G", "-display", "none", "-monitor", "none",
                           "-serial", "stdio", "-kernel", ELF, *words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=QEMU_LIMIT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def archive(directory):
    """A good archive: a configuration and a guest."""
    (directory / "vm.dts").write_text('/dts-v1/; / { compatible = "tenure,config-1"; vms { a { memory = "64M"; '
                                      'kernel = "papr.elf"; }; }; };', encoding="utf-8")
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "vm.dtb", "vm.dts"], cwd=directory, check=True)
    subprocess.run([harness.TOP / "tools/mkimage", "--cpio", "good.cpio", "--dtb", "vm.dtb", f"papr.elf={PAPR}"],
                   cwd=directory, check=True)
    return bytearray((directory / "good.cpio").read_bytes())


def cut(data):
    del data[len(data) // 2:]


def no_archive(data):
    data[:6] = b"abcdef"


def bad_configuration(data):
    at = data.index(b"\xd0\x0d\xfe\xed")  # a device tree's magic number; the offsets of its parts follow
    data[at + 8:at + 24] = b"\xff" * 16


@pytest.mark.parametrize("change, says", [
    (cut, "the archive of modules is damaged: the archive ends in a file"),
    (no_archive, "the archive of modules is damaged: there is no newc header"),
    (bad_configuration, "the configuration is not a device tree"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_damaged_archive(change, says, tmp_path):
    data = archive(tmp_path)
    change(data)
    (tmp_path / "bad.cpio").write_bytes(data)
    status, text = firmware("powernv9", "-initrd", tmp_path / "bad.cpio")
    assert f"tenure: cannot start: {'the loader: ' if 'archive' in says else ''}" in text
    assert says in text
    assert "tenure: end status=65 reason=bad-input" in text
    assert status == 0  # the firmware has ended the machine


def test_no_radix():
    """POWER8 lacks the instructions of the image too: the entry itself says so."""
    status, text = firmware("powernv8", "-nodefaults", "-device", "ipmi-bmc-sim,id=bmc", "-device",
                            "isa-ipmi-bt,bmc=bmc,irq=10")
    assert "tenure: cannot start: this processor has no radix translation" in text
    assert "tenure: end status=70 reason=cannot-start" in text
    assert status == 0


def test_raw_without_image():
    """Our own firmware (boot/bios_ppc64.S) finds nothing to start."""
    done = subprocess.run(["qemu-system-ppc64", "-M", "powernv9", "-m", "1G", "-nodefaults", "-display", "none",
                           "-serial", "stdio", "-monitor", "none", "-bios", ELF.with_name("bios.bin"), "-device",
                           "ipmi-bmc-sim,id=bmc", "-device", "isa-ipmi-bt,bmc=bmc,irq=10"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=QEMU_LIMIT, check=False)
    text = done.stdout.decode(errors="replace")
    assert "tenure: cannot start: there is no ELF file at 0x20000000 (-kernel)" in text
    assert "tenure: end status=70 reason=cannot-start" in text
    assert done.returncode == 0


def test_no_hypervisor_mode(tmp_path):
    """The hypervisor as a guest of itself, at an address that is in the guest's memory."""
    image = bytearray(ELF.read_bytes())
    entry, headers = struct.unpack_from("<QQ", image, 24)
    struct.pack_into("<Q", image, 24, entry - LINKED + LOW)
    struct.pack_into("<QQ", image, headers + 16, LOW, LOW)
    (tmp_path / "inner").write_bytes(image)
    with harness.Session("ppc64 no hypervisor mode", "run", "--arch", "ppc64", "-kernel", tmp_path / "inner", "-m",
                         "128M", limit=QEMU_LIMIT) as session:
        session.expect(r"tenure: cannot start: the processor is not in hypervisor mode", QEMU_LIMIT)


def test_system_reset(tmp_path):
    """Somebody resets the machine's processors while a guest spins: SRR0 says where that was."""
    guest = harness.TOP / "build/ppc64/guests/ends.elf"
    with harness.Session("ppc64 system reset", "run", "--arch", "ppc64", "-kernel", guest, "-append", "spin",
                         "--qemu=-qmp", f"--qemu=unix:{tmp_path}/qmp,server=on,wait=off", limit=QEMU_LIMIT) as session:
        session.expect(r"ends: spin", QEMU_LIMIT)
        time.sleep(2)  # it comes back from the call that has printed that, and from then on leaves for the clock alone
        Qmp(f"{tmp_path}/qmp").call("inject-nmi")
        session.expect(r"a system reset while the guest ran", QEMU_LIMIT)
        found = session.expect(r"pc ([0-9a-f]{16})  msr ([0-9a-f]{16})", QEMU_LIMIT)
        assert 0 < int(found[1], 16) < 256 << 20, "in the guest's memory, where its image is"
        assert int(found[2], 16) & RESET_BY_HAND, "SRR1 tells the reset's cause: it is not the last exit's"
