# SPDX-License-Identifier: BSD-2-Clause
"""The loaders, from the firmware to the hypervisor's first instruction: a probe in the hypervisor's place checks what
it is given (boot_probe), and every damage ends in one sentence and status 69, by UEFI and by PVH."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
OUT = TOP / "build" / "test" / "boot"
LOADER = TOP / "build" / "x86" / "debug" / "BOOTX64.EFI"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS.fd"
LIMIT = 60  # seconds for one machine
DONE, FAILED = 0x10 << 1 | 1, 0x22 << 1 | 1  # isa-debug-exit: the probe's end, and BOOT_EXIT_FAILED's
UEFI, PVH = 1, 2  # enum boot_firmware
MIB = 1 << 20


def call(*words):
    done = subprocess.run(list(map(str, words)), cwd=TOP, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_probe(arch, *libraries):
    """The probe, linked with the real loaders by the real linker script."""
    def variable(name):
        return call("make", "-s", f"ARCH={arch}", "BUILD=debug", f"print-{name}").split()

    out = OUT / arch
    out.mkdir(parents=True, exist_ok=True)
    objects = [TOP / "build" / arch / "debug" / "obj" / f"{source}.o" for source in variable(f"BOOT_{arch}")]
    libraries = [f"build/{arch}/lib/{name}.a" for name in libraries]
    loader = variable("LOADER")[0]
    call("make", f"ARCH={arch}", "BUILD=debug", *[o.relative_to(TOP) for o in objects], loader, *libraries)
    for source in (f"probe_{arch}.c", "probe.c", f"entry_{arch}.S"):
        objects.insert(0, out / f"{source}.o")
        flags = variable("CFLAGS" if source.endswith(".c") else "ASFLAGS")
        call("clang", *flags, "-c", TOP / "tests/qemu/boot_probe" / source, "-o", objects[0])
    call("ld.lld", *variable("LDFLAGS"), "-o", out / "probe.elf", *objects, *libraries)
    return out / "probe.elf"


@pytest.fixture(scope="module", name="probe")
def fixture_probe():
    return build_probe("x86", "libc")


@pytest.fixture(name="files")
def fixture_files(tmp_path):
    """Modules of awkward sizes: {name: contents}, config.dtb first."""
    files = {"config.dtb": b"tree", "empty": b"", "page": bytes(range(256)) * 16, "odd": b"kernel" * 333333,
             "a-name-that-does-not-fit-into-eight-dot-three.cpio.gz": b"x"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return files


def checksum(data):
    total = 0
    for byte in data:
        total = (total * 31 + byte) & 0xFFFFFFFF
    return total


def qemu(*words):
    """Runs one machine to its end; (status, what it wrote on the serial port)."""
    command = ["qemu-system-x86_64", "-M", "q35", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
               *map(str, words)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False)
    return done.returncode, done.stdout.decode("ascii", "replace")


EXIT = ("-device", "isa-debug-exit,iobase=0xf4,iosize=4")


def told(text, files, firmware, memory):
    """Nothing that the probe checks is wrong, and it has what was given; `memory` in MiB."""
    assert not re.findall(r"^not ok.*", text, re.MULTILINE), text
    assert "all good" in text, text
    modules = {m[0]: (int(m[1]), int(m[2])) for m in re.findall(r"^module (\S+) (\d+) (\d+)\r?$", text, re.MULTILINE)}
    assert modules == {name: (len(data), checksum(data)) for name, data in files.items()}
    assert re.search(rf"^firmware is {firmware}\r?$", text, re.MULTILINE)
    assert re.search(r"^error \r?$", text, re.MULTILINE), text
    usable = int(re.search(r"^memory kind 1 (\d+)\r?$", text, re.MULTILINE)[1])
    assert memory * MIB * 0.7 < usable < memory * MIB


def mkimage(directory, files, *where):
    modules = [f"{name}={directory / name}" for name in files if name != "config.dtb"]
    call(TOP / "tools/mkimage", *where, "--dtb", directory / "config.dtb", *modules)


def make_esp(directory, elf, files):
    mkimage(directory, files, "--esp", directory / "esp", "--efi", LOADER, "--elf", elf)
    return directory / "esp"


def run_uefi(directory, *words):
    shutil.copyfile(OVMF_VARS, directory / "vars.fd")
    return qemu("-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
                "-drive", f"if=pflash,format=raw,file={directory}/vars.fd",
                "-drive", f"file=fat:rw:{directory}/esp,format=raw,if=none,id=esp",
                "-device", "virtio-blk-pci,drive=esp,bootindex=0", *words)


def run_pvh(directory, elf, files, *words):
    mkimage(directory, files, "--cpio", directory / "x.cpio")
    return qemu("-kernel", elf, "-initrd", directory / "x.cpio", *words)


def expect(status, text, files, firmware, memory):
    assert status == DONE, text
    told(text, files, firmware, memory)


MACHINES = [("64M", 64, "EPYC"), ("512M", 512, "EPYC"), ("4G", 4096, "EPYC"), ("6G", 6144, "qemu64,pdpe1gb=off")]


@pytest.mark.parametrize("size, memory, cpu", MACHINES)
def test_pvh(probe, files, tmp_path, size, memory, cpu):
    status, text = run_pvh(tmp_path, probe, files, *EXIT, "-m", size, "-cpu", cpu)
    expect(status, text, files, PVH, memory)


@pytest.mark.parametrize("size, memory, cpu", MACHINES)
def test_uefi(probe, files, tmp_path, size, memory, cpu):
    make_esp(tmp_path, probe, files)
    status, text = run_uefi(tmp_path, *EXIT, "-m", size, "-cpu", cpu)
    expect(status, text, files, UEFI, memory)
    assert re.search(r"^screen is 0 0 0 0 0\r$", text, re.MULTILINE)


def test_uefi_finds_the_screen(probe, files, tmp_path):
    make_esp(tmp_path, probe, files)
    status, text = run_uefi(tmp_path, *EXIT, "-m", "256M", "-cpu", "EPYC", "-device", "bochs-display")
    expect(status, text, files, UEFI, 256)
    assert re.search(r"^screen is 1 1280 800 5120 32\r$", text, re.MULTILINE)


def test_pvh_without_modules(probe):
    status, text = qemu("-kernel", probe, *EXIT, "-m", "64M", "-cpu", "EPYC")
    expect(status, text, {}, PVH, 64)


def test_pvh_damaged_archive(probe, files, tmp_path):
    """What comes before the damage is there, and the damage is noted; the loader goes on."""
    mkimage(tmp_path, files, "--cpio", tmp_path / "whole")
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:6000])
    status, text = qemu("-kernel", probe, "-initrd", tmp_path / "cut", *EXIT, "-m", "64M", "-cpu", "EPYC")
    assert status == DONE and "all good" in text and "not ok" not in text
    assert re.findall(r"^module (\S+)", text, re.MULTILINE) == ["config.dtb", "empty", "page"]
    assert "error the archive of modules is damaged: the archive ends in a file" in text


@pytest.mark.parametrize("words, sentence", [
    (("-cpu", "qemu32", "-m", "64M"), "this processor has no long mode"),
    (("-cpu", "EPYC,nx=off", "-m", "64M"), "this processor has no no-execute bit"),
    (("-cpu", "EPYC", "-m", "2M"), "there is less memory than the hypervisor's image takes"),
])
def test_pvh_refusals(probe, words, sentence):
    status, text = qemu("-kernel", probe, *EXIT, *words)
    assert text.count(f"boot: {sentence}; the machine stops here.") == 1
    assert "probe" not in text and status == FAILED


def damage(**changes):
    """A change of the ELF header or of the first image segment's program header, by field."""
    places = {"magic": (0, 1), "machine": (18, 2), "entry": (24, 8), "phnum": (56, 2)}

    def change(esp):
        elf = esp / "tenure" / "tenure.elf"
        data = bytearray(elf.read_bytes())
        for field, value in changes.items():
            at, size = places[field]
            data[at:at + size] = value.to_bytes(size, "little")
        elf.write_bytes(data)
    return change


def writable_code(esp):
    elf = esp / "tenure" / "tenure.elf"
    data = bytearray(elf.read_bytes())
    start = int.from_bytes(data[32:40], "little")
    for at in range(start, start + 56 * int.from_bytes(data[56:58], "little"), 56):
        if data[at] == 1 and data[at + 4] & 1:
            data[at + 4] |= 2
    elf.write_bytes(data)


def cut(size):
    def change(esp):
        elf = esp / "tenure" / "tenure.elf"
        elf.write_bytes(elf.read_bytes()[:size])
    return change


def remove(name):
    return lambda esp: (esp / "tenure" / name).unlink()


ELF_NAME = "\\tenure\\tenure.elf"


@pytest.mark.parametrize("change, what", [
    (remove("tenure.elf"), f"{ELF_NAME}: it is not there"),
    (remove("config.dtb"), "\\tenure\\config.dtb: it is not there"),
    (cut(0), f"{ELF_NAME}: it is too short"),
    (cut(100), f"{ELF_NAME}: its program headers lie beyond its end"),
    (cut(6000), f"{ELF_NAME}: a segment lies beyond its end"),
    (damage(magic=0), f"{ELF_NAME}: it is not an ELF file"),
    (damage(machine=183), f"{ELF_NAME}: it is for another processor"),
    (damage(entry=0x100000), f"{ELF_NAME}: its entry point is not in its code"),
    (damage(phnum=0xFFFF), f"{ELF_NAME}: its program headers lie beyond its end"),
    (writable_code, f"{ELF_NAME}: a segment is both writable and executable"),
], ids=["no-elf", "no-config", "empty", "headers-cut", "segment-cut", "magic", "machine", "entry", "phnum", "w-x"])
def test_uefi_refusals(probe, files, tmp_path, change, what):
    change(make_esp(tmp_path, probe, files))
    status, text = run_uefi(tmp_path, *EXIT, "-m", "128M", "-cpu", "EPYC")
    assert text.count(f"boot: {what}; the machine stops here.") == 1, text
    assert "probe" not in text and status == FAILED


def test_uefi_refusal_powers_off(probe, files, tmp_path):
    """Without the exit device the machine is switched off: status 0, well before the limit."""
    remove("tenure.elf")(make_esp(tmp_path, probe, files))
    status, text = run_uefi(tmp_path, "-m", "128M", "-cpu", "EPYC")
    assert f"boot: {ELF_NAME}: it is not there; the machine stops here." in text and status == 0


def test_uefi_too_large_a_module_is_noted(probe, files, tmp_path):
    esp = make_esp(tmp_path, probe, files)
    with open(esp / "tenure" / "modules" / "huge", "wb") as huge:
        huge.truncate(100 * MIB)
    status, text = run_uefi(tmp_path, *EXIT, "-m", "96M", "-cpu", "EPYC")
    assert status == DONE and "not ok" not in text
    assert "error huge: there is not enough memory for it" in text
