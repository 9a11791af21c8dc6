# SPDX-License-Identifier: BSD-2-Clause
"""The processor port: the contract's own test on each CPU model that the emulator offers, by both ways of
starting, debug and release."""

from harness import Run, judged

SELFTEST = '/dts-v1/;\n/ { compatible = "tenure,config-1"; host { selftest; }; };\n'
GOOD = (r"conformance: \d{2} passed, 0 failed",)
BAD = (r"conformance: .* FAIL", r"exception in the hypervisor")


def conformance(name, *words):
    return Run(f"conformance {name}", ["run", "-config", "{dir}/self.dts", *words], reason="selftest", says=GOOD,
               never=BAD, files={"self.dts": SELFTEST})


RUNS = [
    conformance("EPYC", "--cpu", "EPYC"),
    conformance("max with 2 CPUs", "--cpu", "max", "--cpus", "2"),
    conformance("qemu64", "--cpu", "qemu64,+svm,+npt"),
    conformance("without gigabyte pages", "--cpu", "EPYC,-pdpe1gb"),
    conformance("without XSAVE", "--cpu", "EPYC,-xsave"),
    conformance("under OVMF", "--firmware", "uefi"),
    conformance("counted", "--count"),
    conformance("release", "--build", "release"),
]


test_processor = judged(RUNS)
