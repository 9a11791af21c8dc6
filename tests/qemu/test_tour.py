# SPDX-License-Identifier: BSD-2-Clause
"""The tour as `make run` shows it: all ten steps, through OVMF and without it, and the picture on the display, pixel
for pixel what the guest composed."""
import re
import zlib

import harness

from tenure_lib import picture

STEPS = tuple(rf"tour: step {number} as expected" for number in range(1, 11))
SAYS = STEPS + (r"tour: 10 of 10 steps as expected", r"report: [1-9]\d* passed, 0 failed",
                r"tour: the picture is complete, crc32 ([0-9a-f]{8})")


def tour(name, *words, **others):
    return harness.Run(f"tour, {name}", ["tour", "--picture", "{dir}/tour.png", "--keep", "{dir}/run", *words], 0,
                       "poweroff", SAYS, limit=120.0, **others)


RUNS = [tour("OVMF"), tour("PVH", "--firmware", "pvh"),
        tour("PVH, 4 CPUs, release", "--firmware", "pvh", "--cpus", 4, "--build", "release"),
        tour("PVH, 1 CPU", "--firmware", "pvh", "--cpus", 1)]


@harness.each(RUNS)
def test_tour(run, outcome):
    harness.judge(run, outcome)
    crc = re.search(SAYS[-1], outcome.text).group(1)
    width, height, pixels = picture.read_ppm((run.directory / "run/screen.ppm").read_bytes())
    assert (width, height) == (1024, 768)
    assert f"{zlib.crc32(pixels):08x}" == crc, "the display does not show what the guest composed"
    shown = (run.directory / "tour.png").read_bytes()
    assert shown == picture.png(width, height, pixels)
    assert len(set(pixels[at:at + 3] for at in range(0, len(pixels), 3))) > 100, "the picture is plain"
