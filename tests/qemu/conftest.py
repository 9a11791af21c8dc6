# SPDX-License-Identifier: BSD-2-Clause
"""Runs of the table (a parameter called `run`) are independent of each other: as soon as the tests are chosen, two
workers begin to perform them in order, and each test waits for its own."""
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import harness  # noqa: E402  pylint: disable=wrong-import-position

WORKERS = 2
# Those of every architecture; test_arm64*.py and test_ppc64*.py are those ones', all others are x86's.
EVERY = ["test_hostile.py", "test_monitor.py", "test_terminal.py"]
FILES = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in EVERY]
collect_ignore = [name for name in FILES if harness.arch_of(name) not in harness.ARCHES]
futures = {}


def pytest_collection_finish(session):
    runs = [item.callspec.params["run"] for item in session.items
            if hasattr(item, "callspec") and isinstance(item.callspec.params.get("run"), harness.Run)]
    names = [run.name for run in runs]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise pytest.UsageError(f"two runs are called {doubled.pop()}")
    if session.config.option.collectonly or not runs:
        return
    for run in runs:
        shutil.rmtree(run.directory, ignore_errors=True)
    for arch in harness.ARCHES:
        subprocess.run([harness.TOP / "tools/mkinitramfs", "--arch", arch], check=True)
    pool = ThreadPoolExecutor(WORKERS)
    futures.update((run.name, pool.submit(harness.perform, run)) for run in runs)
    session.config.add_cleanup(lambda: pool.shutdown(cancel_futures=True))


@pytest.fixture
def outcome(run):
    return futures[run.name].result()
