# SPDX-License-Identifier: BSD-2-Clause
"""Counted runs: executed instructions are the clock, so that two runs say the same figures."""
import re

import harness


def counted(name):
    return harness.Run(f"counted, {name}", ["run", "-config", harness.TOP / "guests/bench.dts", "--count", "--devices",
                                            "--build", "release", "--cpus", 1], 0, "poweroff",
                       (r"report: [1-9]\d* passed, 0 failed",), limit=120.0)


RUNS = [counted("first"), counted("second")]
figures = {}


@harness.each(RUNS)
def test_counted(run, outcome):
    harness.judge(run, outcome)
    figures[run.name] = re.findall(r"^bench: (\w+) ([\d.]+)$", outcome.text, re.MULTILINE)
    assert len(figures[run.name]) >= 10
    first = next(iter(figures.values()))
    for (name, value), (_, before) in zip(figures[run.name], first):
        assert abs(float(value) - float(before)) <= 0.01 * float(before) + 0.5, f"{name}: {before}, then {value}"
