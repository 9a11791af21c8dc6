# SPDX-License-Identifier: BSD-2-Clause
"""The runner's parts: config (what to run), machine (QEMU), console (the stream), picture (PNG)."""
import os

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The runner's exit status; docs/runner.md says the same.
BAD_INPUT = 65       # a bad image or configuration
HYPERVISOR_STOPPED = 70
NO_MACHINE = 71      # QEMU or a tool it needs could not be started
OUT_OF_TIME = 124


class Refused(Exception):
    """What is wrong with what the user gave, in words."""
