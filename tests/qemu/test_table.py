# SPDX-License-Identifier: BSD-2-Clause
"""Every run of the table, under the hypervisor."""
import harness
import pytest
import table


def parameters(runs):
    return pytest.mark.parametrize("run", runs, ids=lambda run: run.name)


@parameters(table.RULES)
def test_rules(run, outcome):
    harness.judge(run, outcome)


@parameters(table.ENDS)
def test_ends(run, outcome):
    harness.judge(run, outcome)


@parameters(table.FORMATS)
def test_formats(run, outcome):
    harness.judge(run, outcome)


@parameters(table.BAD_CONFIGURATIONS)
def test_bad_configuration(run, outcome):
    harness.judge(run, outcome)


@parameters(table.BAD_IMAGES)
def test_bad_image(run, outcome):
    harness.judge(run, outcome)


@parameters(table.HOSTS)
def test_host(run, outcome):
    harness.judge(run, outcome)


@parameters(table.SEVERAL)
def test_several(run, outcome):
    harness.judge(run, outcome)


@parameters(table.LINUX)
def test_linux(run, outcome):
    harness.judge(run, outcome)
