# SPDX-License-Identifier: BSD-2-Clause
"""The lock of what is downloaded: the same is taken, another version with a warning, other content not at all."""
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
import locked  # noqa: E402  pylint: disable=wrong-import-position
from debian import Refused  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(name="place")
def make_place(tmp_path, monkeypatch):
    for name in ("LOCK", "STAMPS", "TOP"):
        monkeypatch.setattr(locked, name, tmp_path / ("lock" if name == "LOCK" else ""))
    (tmp_path / "archive").write_bytes(b"packed")
    (tmp_path / "tree/sub").mkdir(parents=True)
    (tmp_path / "tree/sub/file").write_bytes(b"unpacked")
    return tmp_path


def accept(place, version="1"):
    lock = locked.Lock(update=True)
    lock.settle("thing", place / "tree", version, place / "archive")
    lock.write()


def test_the_same_is_taken(place):
    accept(place)
    lock = locked.Lock()
    assert lock.whole("thing", place / "tree")
    assert lock.archive("thing", [place / "archive"]) == place / "archive"
    lock.settle("thing", place / "tree", "1", place / "archive")
    assert (place / "tree/sub/file").exists()


@pytest.mark.parametrize("changed", ["archive", "tree/sub/file"])
def test_other_content_is_refused(place, changed):
    accept(place)
    (place / changed).write_bytes(b"other")
    with pytest.raises(Refused, match="is not the one of tools/thirdparty.lock"):
        locked.Lock().settle("thing", place / "tree", "1", place / "archive")
    assert not (place / "tree").exists()


def test_another_version_is_a_warning(place, capsys):
    accept(place)
    (place / "tree/sub/file").write_bytes(b"newer")
    locked.Lock().settle("thing", place / "tree", "2", place / "archive")
    assert "version 1, Debian offers 2" in capsys.readouterr().err
    assert locked.Lock().whole("thing", place / "tree")
    assert not locked.Lock().whole("thing", place / "tree", offered="3")


def test_what_was_changed_is_not_whole(place):
    accept(place)
    (place / "tree/sub/file").write_bytes(b"by hand")
    assert not locked.Lock().whole("thing", place / "tree")
    (place / "tree/sub/file").unlink()
    assert not locked.Lock().whole("thing", place / "tree")


def test_an_unknown_name_is_refused(place):
    with pytest.raises(Refused, match="does not know it"):
        locked.Lock().settle("thing", place / "tree", "1", place / "archive")
    assert not (place / "tree").exists()


def test_one_file_has_a_hash_too(place):
    assert locked.tree_sha256(place / "archive") == locked.sha256(place / "archive")


def test_every_download_is_in_the_lock():
    assert {"libfdt", "newlib", "zycore", "zydis", "efi-arm64", "busybox-arm64", "busybox-ppc64"} <= set(
        locked.Lock().lines)
