# SPDX-License-Identifier: BSD-2-Clause
"""The runner's parts, without an emulator: the console stream taken apart, configurations made and read, pictures."""
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
from tenure_lib import Refused, config, console, machine, picture  # noqa: E402  pylint: disable=wrong-import-position


class Streams:
    def __init__(self, **options):
        self.guest, self.hypervisor, self.lines = b"", b"", []
        self.splitter = console.Splitter(self.to_guest, self.to_hypervisor, self.lines.append, **options)

    def to_guest(self, data):
        self.guest += data

    def to_hypervisor(self, data):
        self.hypervisor += data


STREAM = (b"tenure: version 1\r\nhello\r\ntenure is a word\r\n/ # ten\r\n"
          b"tenure: vm guest has ended\r\ntenure: end status=11 reason=exit\r\n")


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 8, 9, 1000])
def test_stream_in_pieces(piece):
    s = Streams()
    for at in range(0, len(STREAM), piece):
        s.splitter.feed(STREAM[at:at + piece])
    s.splitter.close()
    assert s.guest == b"hello\r\ntenure is a word\r\n/ # ten\r\n"
    assert s.hypervisor == b"tenure: version 1\r\ntenure: vm guest has ended\r\n"
    assert s.splitter.end == (11, "exit")
    assert s.lines[1] == "hello" and len(s.lines) == 6


def test_prompt_is_shown_before_its_line_ends():
    s = Streams()
    s.splitter.feed(b"login: ")
    assert s.guest == b"login: "
    s.splitter.feed(b"root\n")
    assert s.guest == b"login: root\n"


def test_only_the_last_end_counts_and_only_at_the_line_s_start():
    s = Streams()
    s.splitter.feed(b"say tenure: end status=1 reason=guest\n")
    assert s.splitter.end is None
    s.splitter.feed(b"tenure: end status=1 reason=first\ntenure: end status=70 reason=last")
    s.splitter.close()
    assert s.splitter.end == (70, "last")


FIRMWARE = (b"[    0.069312639,5] OPAL v7.0 starting...\r\n" + STREAM.replace(
    b"hello\r\n", b"hello\r\n[    0.123456789,5] said by a guest\r\n[    0.000000] Linux\r\n")
            + b"[    1.049649980,5] OPAL: Shutdown request type 0x0...\r\n")


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_firmware_s_lines_are_not_a_guest_s(piece):
    s = Streams(firmware=machine.BOARDS["ppc64"]["prints"])
    for at in range(0, len(FIRMWARE), piece):
        s.splitter.feed(FIRMWARE[at:at + piece])
    s.splitter.close()
    assert s.guest == (b"hello\r\n[    0.123456789,5] said by a guest\r\n[    0.000000] Linux\r\n"
                       b"tenure is a word\r\n/ # ten\r\n")
    assert s.hypervisor == b"tenure: version 1\r\ntenure: vm guest has ended\r\n"
    assert s.splitter.end == (11, "exit")


def test_firmware_s_other_lines_are_shown():
    s = Streams(firmware=machine.BOARDS["ppc64"]["prints"])
    s.splitter.feed(b"[    0.069312639,5] OPAL v7.0 starting...\nqemu: something\n")
    s.splitter.close()
    assert s.guest == b"qemu: something\n" and s.hypervisor == b""


def test_verbose_shows_the_end():
    s = Streams(show_all=True)
    s.splitter.feed(b"tenure: end status=0 reason=reset\n")
    assert b"reason=reset" in s.hypervisor


@pytest.mark.parametrize("text, size", [("256M", 256 << 20), ("1G", 1 << 30), ("64k", 64 << 10), ("128", 128 << 20)])
def test_sizes(text, size):
    assert config.size_of(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1M", "1.5G", "0", "12Q", "0x10M"])
def test_bad_sizes(text):
    with pytest.raises(Refused):
        config.size_of(text)


def options(tmp_path, **others):
    for name in ("k", "i", "m1"):
        (tmp_path / name).write_bytes(b"x")
    plain = {"kernel": str(tmp_path / "k"), "initrd": str(tmp_path / "i"), "append": 'a="b c" \\d', "m": "128M",
             "smp": 2, "format": "auto", "module": [f"{tmp_path}/m1=words here"], "host_control": True,
             "no_clock": False, "explain": True, "huge_pages": "off", "prompt": False, "config": None}
    return Namespace(**(plain | others))


def test_configuration_of_one_vm(tmp_path):
    text, modules = config.single_vm(options(tmp_path))
    (tmp_path / "c.dts").write_text(text)
    config.compile_dts(tmp_path / "c.dts", tmp_path / "c.dtb")
    blob = (tmp_path / "c.dtb").read_bytes()
    found = {(node, name): value for node, name, value in config.properties(blob)}
    assert found["/vms/guest", "cmdline"] == b'a="b c" \\d\0'
    assert found["/vms/guest", "vcpus"] == b"\0\0\0\2"
    assert ("/host", "explain") in found and ("/vms/guest", "host-control") in found
    assert set(modules) == {"kernel", "initrd", "words here"}
    assert {name for _, _, name in config.module_names(blob)} == set(modules)
    assert config.memory_of(blob) == 128 << 20


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(Refused, match="nowhere: no such file"):
        config.single_vm(options(tmp_path, initrd="nowhere"))


def test_modules_of_a_configuration(tmp_path):
    (tmp_path / "c.dts").write_text('/dts-v1/; / { vms { a { kernel = "k"; modules = "x", "y"; }; }; };')
    (tmp_path / "k").write_bytes(b"")
    (tmp_path / "elsewhere").write_bytes(b"")
    config.compile_dts(tmp_path / "c.dts", tmp_path / "c.dtb")
    found, missing = config.find_modules((tmp_path / "c.dtb").read_bytes(), [str(tmp_path)],
                                         {"x": str(tmp_path / "elsewhere")})
    assert found == {"k": str(tmp_path / "k"), "x": str(tmp_path / "elsewhere")}
    assert len(missing) == 1 and '/vms/a: modules = "y"' in missing[0]


@pytest.mark.parametrize("length", [0, 3, 16, 60, 100])
def test_damaged_tree_names_nothing(tmp_path, length):
    (tmp_path / "c.dts").write_text('/dts-v1/; / { vms { a { kernel = "k"; memory = "1M"; }; }; };')
    config.compile_dts(tmp_path / "c.dts", tmp_path / "c.dtb")
    assert config.module_names((tmp_path / "c.dtb").read_bytes()[:length]) == []


def test_dtc_s_words(tmp_path):
    (tmp_path / "c.dts").write_text("nonsense")
    with pytest.raises(Refused, match="dtc refuses it"):
        config.compile_dts(tmp_path / "c.dts", tmp_path / "c.dtb")


def test_picture():
    width, height, pixels = picture.read_ppm(b"P6\n# words\n2 1\n255\n\x01\x02\x03\x04\x05\x06")
    assert (width, height, pixels) == (2, 1, b"\1\2\3\4\5\6")
    assert picture.png(width, height, pixels).startswith(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError):
        picture.read_ppm(b"P6 2 2 255 123")


def test_manual_of_hypercalls_is_up_to_date():
    done = subprocess.run([TOP / "tools/hypercalls", "--check"], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_initramfs_is_the_same_each_time(tmp_path):
    pictures = []
    for name in ("a", "b"):
        subprocess.run([TOP / "tools/mkinitramfs", "-o", tmp_path / name], check=True)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("words, sentence", [
    (["run"], "needs -kernel or -config"),
    (["run", "-kernel", "/nonexistent"], "no such file"),
    (["run", "-kernel", "/bin/true", "-m", "lots"], "not a size"),
    (["run", "-config", "/nonexistent.dts"], "no such file"),
    (["run", "-config", "/dev/null", "-kernel", "/bin/true"], "do not go with it"),
    (["run", "-kernel", "/bin/true", "--arch", "arm64", "--firmware", "pvh"], "on arm64 it is uefi or direct"),
    (["tour", "--arch", "ppc64", "--firmware", "uefi"], "on ppc64 it is direct"),
    (["run", "-kernel", "/bin/true", "--arch", "ppc64", "--cpu", "power8"], "power9 or power10"),
])
def test_refusals(words, sentence):
    done = subprocess.run([TOP / "tools/tenure", *words], text=True, capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 65 and sentence in done.stderr
