# SPDX-License-Identifier: BSD-2-Clause
"""arm64's loaders and images: each damage ends in one sentence, by UEFI and directly; firmware that gives a device tree
instead of ACPI tables; the other firmware image; a flat binary."""
import shutil
import subprocess

import harness
import pytest
from harness import TOP
from test_arm64 import SMALL, run
from test_boot import fixture_files  # noqa: F401  pylint: disable=unused-import
from test_boot import ELF_NAME, build_probe, cut, damage, mkimage, remove, told, writable_code
from test_x86 import SELFTEST

OUT = TOP / "build/arm64/debug"
AAVMF = ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd")
LIMIT = 120  # seconds for one machine


def qemu(*words, machine="virtualization=on"):
    """One machine to its end; what it wrote on its serial port, and its status."""
    command = ["qemu-system-aarch64", "-M", f"virt,gic-version=3,{machine}", "-cpu", "cortex-a72", "-m", "512M",
               "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", *map(str, words)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False)
    return done.stdout.decode("ascii", "replace").replace("\r", ""), done.returncode


def by_uefi(directory, *words, **others):
    shutil.copyfile(AAVMF[1], directory / "vars.fd")
    return qemu(*words, "-drive", f"if=pflash,format=raw,readonly=on,file={AAVMF[0]}",
                "-drive", f"if=pflash,format=raw,file={directory}/vars.fd", *esp_drive(directory), **others)


def esp_drive(directory):
    return ("-drive", f"file=fat:rw:{directory}/esp,format=raw,if=none,id=esp",
            "-device", "virtio-blk-pci,drive=esp,bootindex=0")


def directly(archive, *words, elf=OUT / "tenure.elf", **others):
    where = f"loader,file={archive},addr=0x41000000,force-raw=on"
    return qemu("-kernel", elf, "-device", where, *words, **others)


def make_image(directory, text, *where):
    (directory / "vm.dts").write_text(text)
    subprocess.run(["dtc", "-q", "-O", "dtb", "-o", directory / "vm.dtb", directory / "vm.dts"], check=True)
    subprocess.run([TOP / "tools/mkimage", *where, "--dtb", directory / "vm.dtb", f"smp.elf={SMALL / 'smp.img'}"],
                   check=True, stdout=subprocess.DEVNULL)


def make_esp(directory, text=SELFTEST):
    make_image(directory, text, "--esp", directory / "esp", "--efi", OUT / "BOOTAA64.EFI", "--elf", OUT / "tenure.elf")
    return directory / "esp"


UEFI, DIRECT = 1, 3  # enum boot_firmware
PROBED = [("max,pauth-impdef=on", "256M", 256), ("cortex-a72", "256M", 256), ("neoverse-n1", "5G", 5120)]


@pytest.fixture(scope="module", name="probe")
def fixture_probe():
    return build_probe("arm64", "libfdt", "libc")


@pytest.mark.parametrize("cpu, size, memory", PROBED, ids=[cpu.split(",")[0] for cpu, _, _ in PROBED])
@pytest.mark.parametrize("way", ["direct", "uefi"])
def test_probe(probe, files, tmp_path, way, cpu, size, memory):  # pylint: disable=redefined-outer-name
    """What the loaders hand over is what boot/handover_arm64.h promises (boot_probe/probe_arm64.c)."""
    if way == "direct":
        mkimage(tmp_path, files, "--cpio", tmp_path / "x.cpio")
        text, status = directly(tmp_path / "x.cpio", "-cpu", cpu, "-m", size, elf=probe)
    else:
        mkimage(tmp_path, files, "--esp", tmp_path / "esp", "--efi", OUT / "BOOTAA64.EFI", "--elf", probe)
        text, status = by_uefi(tmp_path, "-cpu", cpu, "-m", size)
    assert status == 0, text
    told(text, files, DIRECT if way == "direct" else UEFI, memory)


@pytest.mark.parametrize("length, behind", [(700, "page"), (9000, "odd")])
def test_direct_archive_cut_in_a_file(probe, files, tmp_path, length, behind):  # pylint: disable=redefined-outer-name
    """Its length is not known there: what has been cut off would be read out of what lies behind."""
    mkimage(tmp_path, files, "--cpio", tmp_path / "whole")
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:length])
    text, status = directly(tmp_path / "cut", elf=probe)
    assert status == 0 and "all good" in text and "not ok" not in text, text
    assert "\nmodule " not in text, text
    assert f"error the archive of modules is cut or damaged behind {behind}: there is no newc header" in text, text


@pytest.mark.parametrize("change, what", [
    (remove("tenure.elf"), "it is not there"),
    (cut(6000), "a segment lies beyond its end"),
    (damage(machine=62), "it is for another processor"),
    (damage(entry=0x40000000), "its entry point is not in its code"),
    (writable_code, "a segment is both writable and executable"),
], ids=["no-elf", "segment-cut", "machine", "entry", "w-x"])
def test_uefi_refusals(tmp_path, change, what):
    """Nobody listens to semihosting here, so the machine is switched off: QEMU's status is 0."""
    change(make_esp(tmp_path))
    text, status = by_uefi(tmp_path)
    assert text.count(f"boot: {ELF_NAME}: {what}; the machine stops here.") == 1 and status == 0, text


def test_uefi_without_a_configuration(tmp_path):
    remove("config.dtb")(make_esp(tmp_path))
    assert "boot: \\tenure\\config.dtb: it is not there; the machine stops here." in by_uefi(tmp_path)[0]


def test_uefi_at_el1(tmp_path):
    make_esp(tmp_path)
    text, status = by_uefi(tmp_path, machine="virtualization=off")
    assert "it was entered at EL1" in text and "virtualization=on is missing" in text and status == 0


def test_uefi_with_the_other_firmware(tmp_path):
    """QEMU_EFI.fd, by -bios: one file, without variables that last."""
    make_esp(tmp_path)
    text, status = qemu("-bios", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", *esp_drive(tmp_path))
    assert "conformance: " in text and ", 0 failed" in text and "reason=selftest" in text and status == 0, text


def test_direct_damaged_archive(tmp_path):
    """Without semihosting the machine is switched off all the same."""
    make_image(tmp_path, SELFTEST, "--cpio", tmp_path / "whole")
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:9000])
    text, status = directly(tmp_path / "cut")
    assert "cannot start: the loader: the archive of modules is cut or damaged behind smp.elf: there is no newc" in text
    assert "reason=bad-input" in text and status == 0


def test_direct_without_an_archive(tmp_path):
    (tmp_path / "nothing").write_bytes(bytes(512))
    text, _ = directly(tmp_path / "nothing")
    assert "tenure: cannot start: " in text and "configuration" in text, text


FLAT = """
	ldr w1, [x0]            /* x0: the device tree */
	ldr w2, =0xedfe0dd0
	cmp w1, w2
	adr x3, good
	adr x5, bad
	csel x3, x3, x5, eq
	mov x4, #0x09000000
1:	ldrb w5, [x3], #1
	cbz w5, 2f
	strb w5, [x4]
	b 1b
2:	ldr w0, =0x84000008     /* SYSTEM_OFF */
	hvc #0
	.ltorg
good:	.asciz "flat: the tree is there\\r\\n"
bad:	.asciz "flat: no tree\\r\\n"
"""


@pytest.mark.parametrize("way", ["direct", "uefi"])
def test_flat_binary(tmp_path, way):
    """Entered at its first byte, wherever it lies, with x0 = the device tree."""
    (tmp_path / "flat.S").write_text(FLAT)
    subprocess.run(["clang", "-target", "aarch64-none-elf", "-c", "-o", tmp_path / "flat.o", tmp_path / "flat.S"],
                   check=True)
    subprocess.run(["llvm-objcopy", "-O", "binary", tmp_path / "flat.o", tmp_path / "flat"], check=True)
    harness.judge(flat := run(f"flat, {way}", "run", "-kernel", tmp_path / "flat", "-m", "128M", "--firmware", way,
                              says=(r"^flat: the tree is there",)), harness.perform(flat))


MACHINES = [
    run("a device tree only, UEFI", "run", "-kernel", SMALL / "smp.img", "-append", "vcpus=2", "-smp", 2, "--firmware",
        "uefi", "-qemu=-machine", "-qemu=acpi=off", says=(r"report: [1-9]\d* passed, 0 failed", r"2 of 2 CPUs"),
        limit=120.0),
    run("without a GICv3", "run", "-kernel", SMALL / "smp.img", "-qemu=-machine", "-qemu=gic-version=2", status=70,
        reason="", says=(r"tenure: .*GICv3",)),
    run("memory that ends before the archive", "run", "-kernel", SMALL / "smp.img", "--host-memory", "6M", status=65,
        reason="bad-input", says=(r"tenure: cannot start: there is no configuration",)),
]


test_machine = harness.judged(MACHINES)
