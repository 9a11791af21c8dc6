# SPDX-License-Identifier: BSD-2-Clause
"""tests/race/orders.c speaks of counterexamples that the models keep, and of scenarios that there are."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ROW = re.compile(r'\{ "(\w+)", "(\w+)",\s+"([^"]+)" \}')


def orders():
    return ROW.findall((TOP / "tests/race/orders.c").read_text(encoding="utf-8"))


def test_each_order_is_a_counterexample_of_a_model():
    assert len(orders()) >= 16
    kept = {path.stem for path in (TOP / "tests/model/traces").glob("*.txt")}
    assert {defect for defect, _, _ in orders()} <= kept


def test_each_order_names_steps_of_the_code():
    code = "".join(path.read_text(encoding="utf-8") for room in ("mm", "hv", "tests/race")
                   for path in (TOP / room).rglob("*.[ch]"))
    steps = set(re.findall(r'(?:mm|race)_step\("(\w+)"', code))
    for defect, _, line in orders():
        assert {stage.split(":")[1] for stage in line.split(",")} - {"-"} <= steps, defect
