# SPDX-License-Identifier: BSD-2-Clause
"""What judges the counted figures, without an emulator: each way in which they may be wrong is seen."""
import importlib.machinery
import importlib.util
import struct
import sys
from argparse import Namespace
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import growth  # noqa: E402  pylint: disable=wrong-import-position
import linux   # noqa: E402  pylint: disable=wrong-import-position
import rows    # noqa: E402  pylint: disable=wrong-import-position


def bench_run():
    loader = importlib.machinery.SourceFileLoader("bench_run", str(BENCH / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
    loader.exec_module(module)
    return module


RUN = bench_run()


def options(**more):
    return Namespace(**{"arch": "x86", "cpu": None, "quick": False, "linux": False, **more})


def kept():
    return RUN.read_kept(options())


def judge(figures, before=None, **more):
    return RUN.judge(options(**more), rows.X86, figures, kept() if before is None else before)


def test_the_kept_figures_are_right():
    assert judge(kept()) == []


@pytest.mark.parametrize("name, factor, sentence", [
    ("fault_4k_present", 1.04, "worse than the kept"),
    ("hypercall", 1.5, "must not be above"),
    ("first_guest_insn", 1.04, "worse than the kept"),
    ("linux_ratio", 1.003, "worse than the kept"),
    ("linux_ratio", 1.04, "must not be above"),
    ("linux_4k_ratio", 1.04, "must not be above"),
])
def test_a_worse_figure_is_seen(name, factor, sentence):
    wrong = judge({**kept(), name: kept()[name] * factor})
    assert any(line.startswith(name) and sentence in line for line in wrong)


@pytest.mark.parametrize("name, factor", [("fault_4k_present", 1.02), ("linux_ratio", 1.001)])
def test_a_figure_within_its_clearance_is_not(name, factor):
    assert judge({**kept(), name: kept()[name] * factor}) == []


def test_a_missing_row_is_seen():
    for name in ("fault_4k_present", "linux_ratio", "own_pages_16_vms"):
        figures = {row: value for row, value in kept().items() if row != name}
        assert judge(figures) == [f"{name} is missing"]
        assert judge(figures, quick=True) == ([] if name == "linux_ratio" else [f"{name} is missing"])


# ---- Growth ------------------------------------------------------------------------------------------------------

def grown(what, sizes, **by_name):
    """Rows of `what`: each figure a list over the sizes, the others constant."""
    usual = {"fault_4k_present": 320, "fault_by_turns": 321, "fault_4k_absent": 838, "refault_4k": 320, "widen_4k": 320,
             "notice_one_page": 740, "first_guest_insn": 7.8e6}
    return [(what, size, {name: by_name[name][n] if name in by_name else value for name, value in usual.items()})
            for n, size in enumerate(sizes)]


@pytest.mark.parametrize("what", ["guest memory", "consumers", "VMs", "host memory"])
@pytest.mark.parametrize("name", growth.CONSTANT)
def test_a_fault_that_grows_is_seen(what, name):
    assert growth.judge("x86", grown(what, "123", **{name: [320, 322, 323]})) == []
    wrong = growth.judge("x86", grown(what, "123", **{name: [320, 322, 334]}))
    assert len(wrong) == 1 and wrong[0].startswith(f"{name} grows with {what}: 320, and 334 with 3")


@pytest.mark.parametrize("what, just, more", [("VMs", 8.8e6, 8.9e6), ("host memory", 8.8e6, 8.9e6)])
def test_a_start_up_that_grows_is_seen(what, just, more):
    assert growth.judge("x86", grown(what, "12", first_guest_insn=[7.8e6, just])) == []
    wrong = growth.judge("x86", grown(what, "12", first_guest_insn=[7.8e6, more]))
    assert len(wrong) == 1 and wrong[0].startswith(f"start-up grows with {what}: 7800000 instructions, and {more:.0f}")


def test_the_table_keeps_all(tmp_path, capsys):
    measured = grown("VMs", "12")
    assert growth.table(tmp_path / "growth.csv", iter(measured)) == measured
    written = (tmp_path / "growth.csv").read_text(encoding="utf-8").splitlines()
    assert written[0].startswith("what,size,fault_4k_present") and written[1] == "VMs,1,320,321,838,320,320,740,7800000"
    assert len(written) == 3 and len(capsys.readouterr().out.splitlines()) == 3


def test_memslots_may_cost_a_search():
    sizes = ("1", "8", "64", "512")
    assert growth.judge("x86", grown("memslots", sizes, fault_by_turns=[321, 456, 500, 540])) == []
    assert len(growth.judge("x86", grown("memslots", sizes, fault_by_turns=[321, 456, 900, 4500]))) == 2


def test_notices_may_grow():
    assert growth.judge("x86", grown("memslots", "18", notice_one_page=[731, 857])) == []


# ---- Linux -------------------------------------------------------------------------------------------------------

def kernel(note_type=18, entry=0x1000850):
    """An ELF file with a note and one segment at 16 MiB."""
    note = struct.pack("<III4sQ", 4, 8, note_type, b"Xen\0", entry)
    headers = struct.pack("<IIQQQQQQ", 1, 5, 0x200, 0, 1 << 24, 0x1000, 0x1000, 0)
    headers += struct.pack("<IIQQQQQQ", 4, 4, 0x100, 0, 0, len(note), len(note), 0)
    start = bytes(32) + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 2)
    return (start.ljust(64, b"\0") + headers).ljust(0x100, b"\0") + note.ljust(0x100, b"\0") + bytes(0x1000)


def test_the_entry_is_the_note_s():
    assert linux.pvh_entry(kernel()) == (0x1000850, 0x200 + 0x850)
    for image in (kernel(note_type=17), kernel(entry=0x5000000)):
        with pytest.raises(linux.Wrong):
            linux.pvh_entry(image)


@pytest.mark.parametrize("words, sentence", [
    (["sh", "-c", "echo 'selfcheck: 8 passed, 1 failed'; echo 'reboot: Restarting system'"], "status 0"),
    (["sh", "-c", "echo 'selfcheck: 8 passed, 0 failed'"], "status 0"),
    (["sh", "-c", "echo 'selfcheck: 8 passed, 0 failed'; echo 'reboot: Restarting system'; exit 3"], "status 3"),
    (["sh", "-c", "echo 'selfcheck: 8 passed, 0 failed'; echo 'reboot: Restarting system'"], "was not seen"),
])
def test_a_linux_that_fails_gives_no_figure(tmp_path, words, sentence):
    report = tmp_path / "report"
    if "not seen" not in sentence:
        report.write_text("total 1\n", encoding="utf-8")
    with pytest.raises(linux.Wrong, match=sentence):
        linux.executed(words, str(report))


def test_instructions_are_told_by_function(monkeypatch):
    listing = "0000000000001000 T one\n0000000000001010 t two\n"
    monkeypatch.setattr(linux.subprocess, "run", lambda *_, **__: Namespace(stdout=listing))
    assert linux.by_function("elf", {0x1000: 3, 0x1004: 3, 0x1010: 7}) == [(7, 7, "two"), (6, 3, "one")]
