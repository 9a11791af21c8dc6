# SPDX-License-Identifier: BSD-2-Clause
"""How the figures grow: with the guest's memory, its memslots, who hears its notices, other VMs, the host's memory."""
import math
import os

COLUMNS = ("fault_4k_present", "fault_by_turns", "fault_4k_absent", "refault_4k", "widen_4k", "notice_one_page",
           "first_guest_insn")
HEAD = ("present", "by turns", "absent", "again", "widen", "one notice", "start-up")
VMS = """/dts-v1/;
/ {{
	compatible = "tenure,config-1";
	host {{ huge-pages = "off"; }};
	vms {{ {vms} }};
}};
"""
ONE = 'vm{n} {{ memory = "16M"; vcpus = <1>; kernel = "bench.elf"; cmdline = "{word}"; host-control; }};'
# x86 has a page with a clock for each vCPU; on the others stage 2 and the statistics page are all that there is.
CONSUMERS = {"x86": (1, 4, 16), "arm64": (1, 2), "ppc64": (1, 2)}

# What must not grow, with whatever; on ppc64 timers come in by the wall's clock.
CONSTANT = ("fault_4k_present", "fault_4k_absent", "refault_4k", "widen_4k")
MORE = {"x86": 0.02, "arm64": 0.02, "ppc64": 0.10}
# Touches by turns have to search: so many instructions for each doubling of the memslots.
DOUBLING = 16
# Start-up, in instructions: for each VM more, which is created before the first starts; for a host of up to 16 GiB.
START_MORE = 1e6


def several(directory, count):
    """A configuration of so many VMs: the first measures, the others yield whenever it is their turn."""
    path = os.path.join(directory, f"vms{count}.dts")
    with open(path, "w", encoding="utf-8") as file:
        file.write(VMS.format(vms=" ".join(ONE.format(n=n, word="stay" if n else "growth") for n in range(count))))
    return path


def runs(alone, arch, directory):
    """[(what grows, how far, words for the runner)]; alone: those for a guest of its own."""
    one = alone + ["--cpus", "1", "-append"]
    yield from (("guest memory", f"{mib} MiB", one + [f"growth mib={mib}", "--host-memory", f"{mib // 1024 + 1}G"])
                for mib in (64, 1024, 4096))
    yield from (("memslots", str(n), one + [f"growth slots={n}"]) for n in (1, 8, 64, 512))
    yield from (("consumers", str(n), one + [f"growth consumers={n}", "-smp", "16"]) for n in CONSUMERS[arch])
    yield from (("VMs", str(n), ["-config", several(directory, n), "--cpus", "1"]) for n in (1, 2, 4, 8))
    yield from (("host memory", f"{gib} GiB", one + ["growth", "--host-memory", f"{gib}G"]) for gib in (1, 4, 16))


def table(path, measured):
    """measured: [(what, how far, figures)], by and by; prints each, writes them to `path`, and returns them."""
    rows = []
    print(f"{'':26}" + "".join(f"{word:>12}" for word in HEAD), flush=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(("what", "size") + COLUMNS) + "\n")
        for what, size, figures in measured:
            print(f"{what:14}{size:12}" + "".join(f"{figures[name]:12.10g}" for name in COLUMNS), flush=True)
            file.write(",".join([what, size] + [f"{figures[name]:.10g}" for name in COLUMNS]) + "\n")
            rows.append((what, size, figures))
    return rows


def judge(arch, measured):
    """What is wrong with them, in words: a fault that grows."""
    wrong, first = [], {}
    for what, size, figures in measured:
        least = first.setdefault(what, figures)
        for name in CONSTANT:
            if figures[name] > least[name] * (1 + MORE[arch]) + 0.5:
                wrong.append(f"{name} grows with {what}: {least[name]:g}, and {figures[name]:g} with {size}")
        start = least["first_guest_insn"]
        more = {"VMs": lambda: START_MORE * (int(size) - 1), "host memory": lambda: START_MORE}
        if what in more and figures["first_guest_insn"] > start + more[what]():
            wrong.append(f"start-up grows with {what}: {start:.0f} instructions, and "
                         f"{figures['first_guest_insn']:.0f} with {size}")
        # The first of several memslots: with one there is no search.
        if what == "memslots" and int(size) > 1:
            few_size, few = first.setdefault("several", (int(size), figures))
            bound = few["fault_by_turns"] * (1 + MORE[arch]) + DOUBLING * math.log2(int(size) / few_size)
            if figures["fault_by_turns"] > bound:
                wrong.append(f"fault_by_turns grows by more than {DOUBLING} with each doubling of the memslots: "
                             f"{few['fault_by_turns']:g} with {few_size}, {figures['fault_by_turns']:g} with {size}")
    return wrong
