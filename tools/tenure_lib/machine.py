# SPDX-License-Identifier: BSD-2-Clause
"""QEMU: its command line, its process with a limit that it cannot outlive, and its control socket."""
import ctypes
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from . import TOP, Refused
from .picture import png, read_ppm

BOARDS = {
    "x86": {"program": "qemu-system-x86_64", "cpu": "EPYC", "direct": "pvh", "loader": "BOOTX64.EFI",
            "words": ["-machine", "q35", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
            "code": "/usr/share/OVMF/OVMF_CODE.fd", "vars": "/usr/share/OVMF/OVMF_VARS.fd"},
    "arm64": {"program": "qemu-system-aarch64", "cpu": "max,pauth-impdef=on", "direct": "direct",
              "loader": "BOOTAA64.EFI",
              "words": ["-machine", "virt,virtualization=on,gic-version=3", "-semihosting"],
              "code": "/usr/share/AAVMF/AAVMF_CODE.fd", "vars": "/usr/share/AAVMF/AAVMF_VARS.fd"},
    # skiboot, QEMU's own firmware for it, starts the ELF file. It powers off through the BMC, and prints its own lines.
    # Raw: one page of ours (boot/bios_ppc64.S) does instead of it.
    "ppc64": {"program": "qemu-system-ppc64", "cpu": "power9", "direct": "direct", "loader": None, "raw": "bios.bin",
              "machines": {"power9": "powernv9", "power10": "powernv10"},
              "words": ["-device", "ipmi-bmc-sim,id=bmc", "-device", "isa-ipmi-bt,bmc=bmc,irq=10"],
              "prints": re.compile(rb"\[ *\d+\.\d{9},\d\] ")},
}
ARCHIVE = 0x41000000  # where arm64's direct entry looks for its archive
SHARED_BYTES = 16 << 20  # the ivshmem device's memory
GRACE = 5                # seconds between asking QEMU to end and killing it
COUNTED = ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2024-01-01,clock=vm"]
PLUGIN = os.path.join(TOP, "build/bench/count.so")
NOISE = ("TCG doesn't support requested feature", "terminating on signal 15")


class CannotStart(Exception):
    """QEMU, or a file that it needs, is not there."""


def image(options, directory, dtb, modules):
    """Puts the boot image together; returns QEMU's words for it."""
    board = BOARDS[options.arch]
    out = os.path.join(TOP, "build", options.arch, options.build)
    elf = options.elf or os.path.join(out, "tenure.elf")
    efi = options.efi or os.path.join(out, board["loader"] or "")
    raw = os.path.join(out, board.get("raw", ""))
    for needed in [elf] + {"uefi": [efi], "raw": [raw]}.get(options.firmware, []):
        if not os.path.isfile(needed):
            raise CannotStart(f"{needed} is not there: `make all ARCH={options.arch} BUILD={options.build}` makes it")
    words = [os.path.join(TOP, "tools/mkimage"), "--dtb", dtb]
    if options.firmware != "uefi":
        archive = os.path.join(directory, "image.cpio")
        words += ["--cpio", archive]
        result = ["-kernel", elf] + (
            ["-device", f"loader,file={archive},addr={ARCHIVE:#x},force-raw=on"] if options.arch == "arm64"
            else ["-initrd", archive]) + (["-bios", raw] if options.firmware == "raw" else [])
    else:
        esp = os.path.join(directory, "esp")
        words += ["--elf", elf, "--efi", efi, "--esp", esp]
        variables = os.path.join(directory, "vars.fd")
        if not os.path.isfile(board["code"]):
            raise CannotStart(f"{board['code']} is not there: `tools/setup {options.arch}` installs it")
        shutil.copyfile(board["vars"], variables)
        result = ["-drive", f"if=pflash,format=raw,readonly=on,file={board['code']}",
                  "-drive", f"if=pflash,format=raw,file={variables}",
                  "-drive", f"file=fat:rw:{esp},format=raw,if=none,id=esp",
                  "-device", "virtio-blk-pci,drive=esp,bootindex=0"]
    words += [f"{name}={path}" for name, path in modules.items()]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stdout.rstrip())
    return result


def devices(directory, arch):
    """The devices whose BARs VMs can be shown: a display, shared memory, and QEMU's teaching device. On ppc64 each has
    a host bridge and a root port of its own, since a port has one link, and without defaults there are none."""
    shared = os.path.join(directory, "shared")
    with open(shared, "wb") as file:
        file.truncate(SHARED_BYTES)
    words = ["-object", f"memory-backend-file,id=shared,share=on,mem-path={shared},size={SHARED_BYTES}"]
    for number, device in enumerate(("bochs-display", "ivshmem-plain,memdev=shared", "edu")):
        if arch == "ppc64":
            words += ["-device", f"pnv-phb,chip-id=0,index={number},id=bridge{number}",
                      "-device", f"pnv-phb-root-port,bus=bridge{number},id=port{number}"]
            device += f",bus=port{number}"
        words += ["-device", device]
    return words


def counting(directory, host_memory):
    """powernv has no -icount: a plugin counts, and tells through the machine's memory (tests/bench/plugin)."""
    if not os.path.isfile(PLUGIN):
        raise CannotStart(f"{PLUGIN} is not there: `make counter` makes it")
    memory = os.path.join(directory, "ram")
    with open(memory, "wb") as file:
        file.truncate(host_memory)
    return ["-object", f"memory-backend-file,id=ram,share=on,mem-path={memory},size={host_memory >> 20}M",
            "-machine", "memory-backend=ram", "-accel", "tcg,thread=single", "-plugin", f"{PLUGIN},ram={memory}"]


def command(options, directory, boot, host_memory):
    board = BOARDS[options.arch]
    # x86: the first of several processors is left alone under TCG: arch/x86/smp.c says why.
    processors = options.cpus + (options.arch == "x86" and options.cpus > 1)
    model = ["-M", board["machines"][options.cpu]] if "machines" in board else ["-cpu", options.cpu]
    words = [board["program"], *model, "-smp", str(processors),
             "-m", f"{host_memory >> 20}M", "-nodefaults", "-display", "none", "-no-reboot",
             "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
             "-qmp", f"unix:{os.path.join(directory, 'qmp')},server=on,wait=off"] + board["words"]
    if options.devices:
        words += devices(directory, options.arch)
    if options.count:
        words += counting(directory, host_memory) if options.arch == "ppc64" else COUNTED
    if options.gdb:
        words += ["-s", "-S"]
    if options.shutdown_pause:
        words += ["-action", "shutdown=pause"]
    return words + boot + list(options.qemu or [])


def die_with_parent():
    """Linux: the child gets SIGKILL when the runner is gone, however it went."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Machine:
    def __init__(self, words, directory):
        self.qmp_path = os.path.join(directory, "qmp")
        try:
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, preexec_fn=die_with_parent,
                                            start_new_session=True)
        except OSError as error:
            raise CannotStart(f"{words[0]}: {error.strerror}; `tools/setup` installs it") from error
        self.input = self.process.stdin.fileno()
        self.output = self.process.stdout.fileno()
        os.set_blocking(self.input, False)
        self.complaints = threading.Thread(target=self._complain, daemon=True)
        self.complaints.start()

    def _complain(self):
        """QEMU's own messages, but for the features that its EPYC lacks, and its word when it is told to end."""
        for line in self.process.stderr:
            text = line.decode(errors="replace")
            if not any(noise in text for noise in NOISE):
                sys.stderr.write(text)
                sys.stderr.flush()

    def wait(self, seconds):
        """The process' status, or None if it still runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        for how in (self.process.terminate, self.process.kill):
            if self.process.poll() is None:
                how()
                self.wait(GRACE)
        self.complaints.join(1)


class Qmp:
    """QEMU's control protocol: lines of JSON, an answer for each command, events between them."""

    def __init__(self, path, patience=10.0):
        self.patience, self.unread, self.events = patience, b"", []
        give_up = time.monotonic() + patience
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.05)
        self._message(patience)
        self.call("qmp_capabilities")

    def _message(self, patience):
        """The next line, or None if none came in time."""
        while b"\n" not in self.unread:
            if not select.select([self.socket], [], [], patience)[0]:
                return None
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("QEMU closed its control socket")
            self.unread += data
        line, _, self.unread = self.unread.partition(b"\n")
        return json.loads(line)

    def call(self, name, **arguments):
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = self._message(self.patience)
            if answer is None:
                raise TimeoutError(f"QEMU did not answer '{name}'")
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]
            self.events.append(answer["event"])

    def event(self, patience):
        """The name of the next event, or None."""
        if self.events:
            return self.events.pop(0)
        message = self._message(patience)
        return message["event"] if message else None

    def close(self):
        self.socket.close()


class Photographer(threading.Thread):
    """Keeps QEMU alive when the machine powers off until the pictures that were asked for are taken."""

    def __init__(self, machine, directory, target):
        super().__init__(daemon=True)
        self.machine, self.directory, self.target = machine, directory, target
        self.wanted, self.taken, self.trouble = queue.SimpleQueue(), 0, None
        self.start()

    def ask(self):
        self.wanted.put(True)

    def run(self):
        try:
            qmp = Qmp(self.machine.qmp_path)
            while True:
                while not self.wanted.empty():
                    self.wanted.get()
                    self._take(qmp)
                if qmp.event(0.05) == "SHUTDOWN" and self.wanted.empty():
                    qmp.call("quit")
                    return
        except ConnectionError:
            pass
        except (OSError, RuntimeError, ValueError) as error:
            self.trouble = str(error)

    def _take(self, qmp):
        ppm = os.path.join(self.directory, "screen.ppm")
        qmp.call("screendump", filename=ppm)
        with open(ppm, "rb") as file:
            picture = png(*read_ppm(file.read()))
        os.makedirs(os.path.dirname(self.target) or ".", exist_ok=True)
        with open(self.target, "wb") as file:
            file.write(picture)
        self.taken += 1
