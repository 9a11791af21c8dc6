# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor's console stream: guests' output goes to standard output, the hypervisor's own lines
("tenure: ...") to standard error, and its last line, which says how the run ended, to nobody."""
import os
import re
import select
import sys
import termios
import time

MARK = b"tenure: "
END = re.compile(rb"tenure: end status=(\d+) reason=(\S+)\s*$")
ESCAPE = b"\x1d"  # Ctrl-], the monitor's; three in a second end QEMU


class Splitter:
    """Takes the stream in pieces of any size. A line that may still turn out to be the hypervisor's
    is held back; anything else goes out at once, so that a prompt is seen before its line ends.
    firmware: how the lines begin that the firmware prints before the hypervisor's first and after its last."""

    def __init__(self, guest, hypervisor, on_line=None, show_all=False, hidden=None, firmware=None):
        self.guest, self.hypervisor, self.hidden = guest, hypervisor, hidden
        self.on_line, self.show_all = on_line, show_all
        self.firmware = self.outside = firmware
        self.line = b""
        self.passing = False  # this line's beginning has been shown as the guest's
        self.end = None       # (status, reason), once told

    def feed(self, data):
        for piece in data.splitlines(keepends=True):
            self.line += piece
            if self.passing:
                self.guest(piece)
            if piece.endswith(b"\n"):
                self._finish()
            elif not self.passing and not self._may_be_mark():
                self.guest(self.line)
                self.passing = True

    def close(self):
        if self.line:
            self._finish()

    def _may_be_mark(self):
        line = self.line.lstrip(b"\r")
        return self.outside is not None or line.startswith(MARK) or MARK.startswith(line)

    def _finish(self):
        line, self.line = self.line, b""
        bare = line.strip(b"\r\n")
        if not self.passing:
            told = END.match(bare)
            if told:
                self.end = (int(told.group(1)), told.group(2).decode())
            if bare.startswith(MARK):
                self.outside = self.firmware if told else None
            firmwares = self.outside is not None and self.outside.match(bare)
            if self.hidden and bare.startswith(self.hidden):
                pass
            elif self.show_all or not told and not firmwares:
                (self.hypervisor if bare.startswith(MARK) or firmwares else self.guest)(line)
        self.passing = False
        if self.on_line:
            self.on_line(bare.decode(errors="replace"))


class Terminal:
    """Standard input: raw while the guest runs if it is a terminal, so that each key goes to the guest
    (Ctrl-C too); given back as it was at the end."""

    def __init__(self):
        self.fd = sys.stdin.fileno() if sys.stdin and not sys.stdin.closed else -1
        self.is_terminal = self.fd >= 0 and os.isatty(self.fd)
        self.before = None

    def __enter__(self):
        if self.is_terminal:
            self.before = termios.tcgetattr(self.fd)
            mode = termios.tcgetattr(self.fd)
            mode[0] &= ~(termios.ICRNL | termios.IXON | termios.BRKINT | termios.ISTRIP | termios.INLCR)
            mode[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self.fd, termios.TCSADRAIN, mode)
        return self

    def __exit__(self, *_):
        if self.before:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.before)


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


class Script:
    """What is typed when it is no terminal that types: held back until the guest has said `ready`, since a
    kernel that sets up its serial line throws away what came before; `end` follows the end of the file."""

    def __init__(self, ready=b"", end=b""):
        self.ready, self.end = ready, end
        self.heard = self.to_say = b""

    def say(self, data):
        """Types it now, as if a hand had."""
        self.ready, self.to_say = b"", self.to_say + data

    def hear(self, data):
        if self.ready:
            self.heard = (self.heard + data)[-4096:]
            if self.ready in self.heard:
                self.ready = b""


def pump(machine, terminal, splitter, deadline=None, log=None, script=None):
    """Carries bytes until QEMU closes its end. Returns None, or why it ended early: "time", "user"."""
    source, sink = machine.output, machine.input
    typed, escapes = b"", []
    script = script or Script()
    listen = [source] + ([terminal.fd] if terminal.fd >= 0 else [])
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if left == 0.0:
            return "time"
        wanted = [sink] if typed and not script.ready else []
        ready, writable, _ = select.select(listen, wanted, [], left)
        if source in ready:
            data = os.read(source, 65536)
            if not data:
                return None
            if log:
                log.write(data)
                log.flush()
            splitter.feed(data)
            script.hear(data)
            typed, script.to_say = typed + script.to_say, b""
        if terminal.fd in ready:
            data = os.read(terminal.fd, 4096)
            if not data:
                listen.remove(terminal.fd)  # the end of a file is not the end of the run
                typed += script.end
            escapes = [when for when in escapes if time.monotonic() - when < 1.0]
            escapes += [time.monotonic()] * (data.count(ESCAPE) if terminal.is_terminal else 0)
            if len(escapes) >= 3:
                return "user"
            typed += data
        if typed and sink in writable:
            try:
                typed = typed[os.write(sink, typed[:512]):]
            except BrokenPipeError:
                typed = b""
