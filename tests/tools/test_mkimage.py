# SPDX-License-Identifier: BSD-2-Clause
"""tools/mkimage: the ESP and the archive hold what was asked for, and mistakes are named."""

import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
MKIMAGE = TOP / "tools" / "mkimage"


def run(*arguments):
    return subprocess.run([MKIMAGE, *map(str, arguments)], text=True, capture_output=True, check=False)


def pe(machine):
    """As little of a PE file as mkimage looks at."""
    head = bytearray(0x100)
    head[:2] = b"MZ"
    head[0x3C:0x40] = (0x80).to_bytes(4, "little")
    head[0x80:0x84] = b"PE\0\0"
    head[0x84:0x86] = machine.to_bytes(2, "little")
    return bytes(head)


@pytest.fixture(name="made")
def fixture_made(tmp_path):
    """A directory with one file of each kind."""
    for name, data in {"a.dtb": b"tree", "k": b"kernel" * 1000, "empty": b"", "t.elf": b"\x7fELF",
                       "l.efi": pe(0x8664), "l64.efi": pe(0xAA64), "not.efi": b"MZ"}.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def read_newc(data):
    """[(name, contents)] up to the trailer, by cpio(5)."""
    files, at = [], 0
    while True:
        assert data[at:at + 6] == b"070701" and at % 4 == 0
        numbers = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        size, name_size = numbers[6], numbers[11]
        name = data[at + 110:at + 110 + name_size]
        assert name.endswith(b"\0")
        start = (at + 110 + name_size + 3) & ~3
        if name == b"TRAILER!!!\0":
            assert start == len(data)
            return files
        assert numbers[1] == 0o100644
        files.append((name[:-1].decode(), data[start:start + size]))
        at = (start + size + 3) & ~3


def test_cpio(made):
    out = made / "x.cpio"
    assert run("--cpio", out, "--dtb", made / "a.dtb", f"vmlinux={made}/k", f"e={made}/empty").returncode == 0
    data = out.read_bytes()
    assert read_newc(data) == [("config.dtb", b"tree"), ("vmlinux", b"kernel" * 1000), ("e", b"")]
    run("--cpio", out, "--dtb", made / "a.dtb", f"vmlinux={made}/k", f"e={made}/empty")
    assert out.read_bytes() == data  # the same input gives the same archive


def test_esp(made):
    esp = made / "esp"
    base = ["--esp", esp, "--elf", made / "t.elf", "--dtb", made / "a.dtb"]
    assert run(*base, "--efi", made / "l.efi", f"vmlinux={made}/k").returncode == 0
    assert (esp / "EFI/BOOT/BOOTX64.EFI").read_bytes() == pe(0x8664)
    assert (esp / "tenure/tenure.elf").read_bytes() == b"\x7fELF"
    assert (esp / "tenure/config.dtb").read_bytes() == b"tree"
    assert (esp / "tenure/modules/vmlinux").read_bytes() == b"kernel" * 1000

    # Made again with other modules, nothing of the first stays.
    assert run(*base, "--efi", made / "l64.efi", f"e={made}/empty").returncode == 0
    assert [f.name for f in (esp / "tenure/modules").iterdir()] == ["e"]
    assert (esp / "EFI/BOOT/BOOTAA64.EFI").exists()


@pytest.mark.parametrize("modules, words", [
    (["vmlinux"], "a module is given as NAME=PATH"),
    (["=k"], "cannot be a module's name"),
    (["a/b=k"], "cannot be a module's name"),
    (["..=k"], "cannot be a module's name"),
    (["a=k", "A=k"], "there are two modules of this name"),
    (["config.dtb=k"], "there are two modules of this name"),
    (["x" * 64 + "=k"], "at most 63 ASCII characters"),
    (["\u00e4=k"], "at most 63 ASCII characters"),
    ([f"m{i}=k" for i in range(32)], "there are 32 modules, at most 31"),
    (["a=missing"], "missing: No such file or directory"),
])
def test_refusals(made, modules, words):
    arguments = [m.replace("=k", f"={made}/k") for m in modules]
    done = run("--cpio", made / "x.cpio", "--dtb", made / "a.dtb", *arguments)
    assert done.returncode == 1 and words in done.stderr


def test_a_loader_that_is_none(made):
    done = run("--esp", made / "esp", "--elf", made / "t.elf", "--dtb", made / "a.dtb", "--efi", made / "not.efi")
    assert done.returncode == 1 and "it is not a UEFI application" in done.stderr
