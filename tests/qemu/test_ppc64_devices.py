# SPDX-License-Identifier: BSD-2-Clause
"""ppc64: PCI behind POWER's host bridges: both windows, several functions of a device, what has no place."""
import harness
from table import ALL_GOOD, SHM, configuration, device_slot, vm

SHARED = 'shm: shared { driver = "ivshmem"; bar = <2>; };'
DISPLAY = 'fb: screen { driver = "display"; bar = <0>; };'


def qemu(*words):
    return [f"--qemu={word}" for word in words]


def bridge(number):
    return qemu("-device", f"pnv-phb,chip-id=0,index={number},id=bridge{number}",
                "-device", f"pnv-phb-root-port,bus=bridge{number},id=port{number}")


def ivshmem(where, size):
    return qemu("-object", f"memory-backend-file,id=shared,share=on,mem-path={{dir}}/shared,size={size}",
                "-device", f"ivshmem-plain,memdev=shared,{where}")


def run(name, devices, *words, slots="", status=0, reason="poweroff", says=(), **others):
    guest = vm("guest", "rules_bar.elf", "rounds=10", "64M", 2, "host-control; " + slots)
    return harness.Run(f"ppc64, {name}", ["run", "--arch", "ppc64", "-config", "{dir}/vm.dts", "--cpus", 2, *words],
                       status, reason, says, files={"vm.dts": configuration(guest, "", devices)}, **others)


def shown(name, place, *words, devices=SHARED):
    """The guest's BAR is found at `place`, and all that is done to a BAR is done to it."""
    return run(name, devices, *words, slots=device_slot(0x110000000, SHM),
               says=ALL_GOOD + (rf"^tenure: device shared: ivshmem, \S+ bytes at {place}$",))


def refused(name, device, says, *words):
    return run(name, device, *words, status=65, reason="", says=(rf"^tenure: cannot start: {says}",))


RUNS = [
    shown("a BAR of 2 GiB, power9", "0x6000000000000", "--cpu", "power9", *bridge(0), *ivshmem("bus=port0", "2G")),
    shown("a BAR of 2 GiB, power10", "0x6004000000000", "--cpu", "power10", *bridge(1), *ivshmem("bus=port1", "2G")),
    shown("two functions of a device", "0x600c002000000", *bridge(0),
          *qemu("-device", "bochs-display,bus=port0,multifunction=on,addr=0.0"), *ivshmem("bus=port0,addr=0.1", "16M"),
          devices=DISPLAY + SHARED),
    refused("no device", SHARED, "/devices/shared: driver: this machine has no ivshmem device"),
    refused("no display", DISPLAY, "/devices/screen: driver: this machine has no bochs-display or VGA", *bridge(0),
            *ivshmem("bus=port0", "16M")),
    refused("behind a bridge without windows", DISPLAY,
            "/devices/screen: bar: there is no free address for the 16777216 bytes of BAR 0", *bridge(0),
            *qemu("-device", "pcie-pci-bridge,bus=port0,id=behind", "-device", "bochs-display,bus=behind,addr=3")),
]


test_devices = harness.judged(RUNS)


def test_list():
    """The monitor's list: each host bridge is a segment, its root port stands before what is behind it."""
    with harness.Session("ppc64 pci", "run", "--arch", "ppc64", "--devices", "-kernel",
                         harness.TOP / "build/ppc64/guests/state.elf", "-append", "vcpus=1 turns=2000000000",
                         limit=120.0) as session:
        session.expect("Tenure")
        session.expect("device|free")
        session.send("\x1d")
        session.expect(r"^monitor> ", 60.0)
        session.command("pci", r"^0000:00:00.0 1014:04c1 class 060400\n0000:01:00.0 1234:1111 class 038000\n"
                        r"(.|\n)*^0001:01:00.0 1af4:1110 class 050000\n(.|\n)*^0002:01:00.0 1234:11e8")
        session.send("quit\n")
