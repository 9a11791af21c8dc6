# SPDX-License-Identifier: BSD-2-Clause
"""How the figures grow: with the guest's memory, its memslots, the number of VMs, and the host's memory."""
import os

COLUMNS = ("fault_4k_present", "fault_by_turns", "fault_4k_absent", "notice_one_page", "first_guest_insn")
HEAD = ("present", "by turns", "absent", "one notice", "start-up")
VMS = """/dts-v1/;
/ {{
	compatible = "tenure,config-1";
	host {{ huge-pages = "off"; }};
	vms {{ {vms} }};
}};
"""
ONE = 'vm{n} {{ memory = "16M"; vcpus = <1>; kernel = "bench.elf"; cmdline = "{word}"; host-control; }};'


def several(directory, count):
    """A configuration of so many VMs: the first measures, the others yield whenever it is their turn."""
    path = os.path.join(directory, f"vms{count}.dts")
    with open(path, "w", encoding="utf-8") as file:
        file.write(VMS.format(vms=" ".join(ONE.format(n=n, word="stay" if n else "growth") for n in range(count))))
    return path


def runs(alone, directory):
    """[(what grows, how far, words for the runner)]; alone: those for a guest of its own."""
    one = alone + ["--cpus", "1", "-append"]
    yield from (("guest memory", f"{mib} MiB", one + [f"growth mib={mib}", "--host-memory", f"{mib // 1024 + 1}G"])
                for mib in (64, 1024, 4096))
    yield from (("memslots", str(n), one + [f"growth slots={n}"]) for n in (1, 8, 64, 512))
    yield from (("VMs", str(n), ["-config", several(directory, n), "--cpus", "1"]) for n in (1, 2, 4, 8))
    yield from (("host memory", f"{gib} GiB", one + ["growth", "--host-memory", f"{gib}G"]) for gib in (1, 4, 16))


def table(path, measured):
    """measured: [(what, how far, figures)]; prints them, and writes them to `path`."""
    print(f"{'':26}" + "".join(f"{word:>12}" for word in HEAD))
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(("what", "size") + COLUMNS) + "\n")
        for what, size, figures in measured:
            print(f"{what:14}{size:12}" + "".join(f"{figures[name]:12.10g}" for name in COLUMNS))
            file.write(",".join([what, size] + [f"{figures[name]:.10g}" for name in COLUMNS]) + "\n")
