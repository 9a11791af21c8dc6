# SPDX-License-Identifier: BSD-2-Clause
"""The rows of the benchmark: what is measured, KVM's figure, the floor, and what ours must not exceed.

KVM: Debian's 6.1 kernel in the same emulator, one vCPU; x86: -cpu EPYC, mitigations off; arm64: -cpu max with VHE,
and cortex-a72; ppc64: POWER9, KVM-HV with host pages of 64 KiB, so its fault brings sixteen times as much; its notices
are left out.
Floor: a handler that switches all registers, calls C and does the least. must: `make bench` fails above it. aim: what
this code tries to get to."""
from typing import NamedTuple, Optional


class Row(NamedTuple):
    words: str
    unit: str = "instructions"
    kvm: Optional[float] = None
    floor: Optional[float] = None
    must: Optional[float] = None
    aim: Optional[float] = None


def rows(kvm, floor, must, aim, register):
    """The table; each argument maps a row's name to that column's figure."""
    words = {
        "fault_4k_present": "4 KiB fault, host page present",
        "fault_4k_present_read": "... by a read",
        "fault_4k_absent": "4 KiB fault, host page absent, less clearing",
        "fault_4k_absent_read": "... by a read",
        "page_clear": "clearing of a 4 KiB page",
        "fault_2m_present": "2 MiB fault, host page present",
        "fault_2m_absent": "2 MiB fault, host page absent, less clearing",
        "fault_pfnmap_4k": "PFNMAP fault, 4 KiB of a BAR",
        "fault_pfnmap_2m": "PFNMAP fault, 2 MiB of a BAR",
        "refault_4k": "fault again after a notice for the page",
        "widen_4k": "write to a read-only leaf that may be written",
        "grant_4k": "write to a leaf that the host has allowed meanwhile",
        "hypercall": "hypercall that does nothing",
        "device_access": "access to an emulated device",
        register: "register that the hypervisor supplies",
        "notice_64m_per_page": "notice over 64 MiB, a page",
        "notice_one_page": "notice for one page, one CPU",
        "notice_per_cpu": "... for each further CPU in its guest",
        "slot_delete_per_page": "memslot deleted, a mapped page",
        "drop_64m_per_page": "64 MiB dropped by the host, a page",
        "slot_delete_and_drop_per_page": "memslot deleted with its memory, a page",
        "vcpu_switch": "vCPU switch on one CPU, FP live",
        "irq_inject": "interrupt, device write to guest handler",
        "first_guest_insn": "start-up to the first guest, 1 GiB host",
    }
    table = {name: Row(text, "instructions", kvm.get(name), floor.get(name), must.get(name), aim.get(name))
             for name, text in words.items()}
    for name, text in LINUX.items():
        table[name] = Row(text, "times", must=must.get("linux_ratio"), aim=aim.get("linux_ratio"))
    table["linux_own_share"] = Row("... the hypervisor's own instructions", "of all")
    return {**table, **MEMORY}


LINUX = {
    "linux_ratio": "Linux boot and memory test, 256 MiB, over none",
    "linux_4k_ratio": "... with leaves of 4 KiB alone",
}
# What of the table needs a Linux guest, which takes minutes.
SLOW = {*LINUX, "linux_own_share"}
# Units of figures near 1, which are compared by their difference.
RATIOS = {"times", "of all"}

MEMORY = {
    "frame_record": Row("frame record", "bytes", 64, None, 16, 16),
    "slot_bytes_per_gfn": Row("memslot of 64 MiB, a gfn", "bytes", 2.0, None, 0.1, 0.1),
    "tables_64m": Row("table pages of both trees, 64 MiB by 4 KiB", "pages"),
    "tables_4g": Row("table pages of both trees, 4 GiB by 4 KiB", "pages"),
    "image_kib": Row("the hypervisor's image", "KiB"),
    "records_kib": Row("frame records of a 1 GiB host", "KiB"),
    "own_pages_1_vm": Row("its other memory, 1 VM", "pages"),
    "own_pages_16_vms": Row("its other memory, 16 VMs", "pages"),
}

X86 = rows(
    {"fault_4k_present": 3385, "fault_4k_present_read": 3385, "fault_4k_absent": 6380, "fault_4k_absent_read": 4689,
     "fault_2m_present": 3562, "fault_2m_absent": 560865, "fault_pfnmap_4k": 3482, "refault_4k": 2704, "widen_4k": 1476,
     "hypercall": 2966, "device_access": 3036, "notice_64m_per_page": 380, "notice_one_page": 860,
     "slot_delete_per_page": 265},
    {"fault_4k_present": 62, "fault_4k_present_read": 62, "fault_pfnmap_4k": 62, "fault_2m_present": 62,
     "fault_pfnmap_2m": 62, "refault_4k": 62, "hypercall": 59, "device_access": 59, "cpuid": 59},
    {"fault_4k_present": 340, "fault_4k_absent": 600, "fault_2m_present": 400, "fault_pfnmap_4k": 340,
     "fault_pfnmap_2m": 400, "refault_4k": 340, "widen_4k": 300, "hypercall": 150, "device_access": 350,
     "notice_64m_per_page": 60, "notice_one_page": 400, "notice_per_cpu": 400, "slot_delete_per_page": 60,
     "vcpu_switch": 900, "irq_inject": 1500, "first_guest_insn": 20e6, "linux_ratio": 1.04},
    {"fault_4k_present": 190, "fault_4k_absent": 300, "fault_2m_present": 220, "refault_4k": 190, "widen_4k": 170,
     "hypercall": 70, "device_access": 180, "notice_64m_per_page": 25, "notice_one_page": 200, "notice_per_cpu": 200,
     "slot_delete_per_page": 25, "first_guest_insn": 5e6, "linux_ratio": 1.015},
    "cpuid")

ARM64_MUST = {
    "fault_4k_present": 420, "fault_4k_absent": 700, "fault_2m_present": 460, "fault_pfnmap_4k": 420,
    "fault_pfnmap_2m": 460, "refault_4k": 420, "widen_4k": 380, "hypercall": 160, "device_access": 350,
    "notice_64m_per_page": 60, "notice_one_page": 400, "notice_per_cpu": 400, "slot_delete_per_page": 60,
    "vcpu_switch": 1100, "irq_inject": 900, "first_guest_insn": 20e6, "linux_ratio": 1.05}
ARM64_AIM = {
    "fault_4k_present": 280, "fault_4k_absent": 400, "fault_2m_present": 300, "refault_4k": 280, "widen_4k": 250,
    "hypercall": 80, "device_access": 200, "notice_64m_per_page": 25, "notice_one_page": 200, "notice_per_cpu": 200,
    "slot_delete_per_page": 25, "first_guest_insn": 5e6, "linux_ratio": 1.03}
ARM64_FLOOR = {
    "fault_4k_present": 94, "fault_4k_present_read": 94, "fault_pfnmap_4k": 94, "fault_2m_present": 94,
    "fault_pfnmap_2m": 94, "refault_4k": 94, "hypercall": 66, "device_access": 66, "id_register": 66}
ARM64 = rows(
    {"fault_4k_present": 4439, "fault_4k_present_read": 4439, "fault_4k_absent": 7053, "fault_2m_present": 4588,
     "fault_2m_absent": 314006, "fault_pfnmap_4k": 4189, "widen_4k": 2877, "hypercall": 1053, "device_access": 5437,
     "notice_64m_per_page": 260, "notice_one_page": 890, "slot_delete_per_page": 265},
    ARM64_FLOOR, ARM64_MUST, ARM64_AIM, "id_register")

# A processor without VHE, without hardware's access flags and without FEAT_S2FWB; KVM on the same.
CORTEX_A72 = rows(
    {"fault_4k_present": 5269, "fault_4k_present_read": 5269, "fault_4k_absent": 7903, "fault_2m_present": 136403,
     "fault_2m_absent": 445867, "fault_pfnmap_4k": 4704, "widen_4k": 3477, "hypercall": 1551, "device_access": 5676,
     "notice_64m_per_page": 630, "slot_delete_per_page": 637},
    ARM64_FLOOR, ARM64_MUST, ARM64_AIM, "id_register")

PPC64 = rows(
    {"fault_4k_present": 4174, "fault_4k_absent": 6955, "hypercall": 2926},
    {"fault_4k_present": 191, "fault_4k_present_read": 191, "fault_pfnmap_4k": 191, "fault_2m_present": 191,
     "fault_pfnmap_2m": 191, "refault_4k": 191, "hypercall": 158, "unknown_papr_call": 158},
    {"fault_4k_present": 570, "fault_4k_absent": 900, "fault_2m_present": 620, "fault_pfnmap_4k": 570,
     "fault_pfnmap_2m": 620, "refault_4k": 570, "widen_4k": 520, "hypercall": 250, "notice_64m_per_page": 80,
     "notice_one_page": 500, "notice_per_cpu": 500, "slot_delete_per_page": 80, "vcpu_switch": 1500,
     "irq_inject": 1200, "first_guest_insn": 20e6, "linux_ratio": 1.15},
    {"fault_4k_present": 400, "fault_4k_absent": 600, "fault_2m_present": 450, "refault_4k": 400, "widen_4k": 380,
     "hypercall": 180, "notice_64m_per_page": 40, "notice_one_page": 300, "notice_per_cpu": 300,
     "slot_delete_per_page": 40, "first_guest_insn": 5e6, "linux_ratio": 1.08},
    "unknown_papr_call")
PPC64["device_access"] = PPC64["device_access"]._replace(words="call that the board serves (no device has an address)")
PPC64["unknown_papr_call"] = PPC64["unknown_papr_call"]._replace(words="call that the board does not know")

# By architecture, and by architecture and processor where that has a table of its own.
TABLES = {"x86": X86, "arm64": ARM64, "arm64-cortex-a72": CORTEX_A72, "ppc64": PPC64}
