# SPDX-License-Identifier: BSD-2-Clause
"""What to run: the configuration's device tree, written from options or compiled from the user's
file, and the modules that it names. What its properties mean is in docs/config.md."""
import os
import struct
import subprocess

from . import Refused, TOP

MODULE_PROPERTIES = ("kernel", "initrd", "modules")
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size_of(text):
    """Bytes of a size in QEMU's words: 256M, 1G, 4096K; without a letter it is MiB."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in UNITS else (text, "M")
    if not number.isdigit() or int(number) == 0:
        raise Refused(f"'{text}' is not a size: a number with K, M or G")
    return int(number) * UNITS[unit]


def quoted(text):
    """A string of a .dts."""
    if "\n" in text:
        raise Refused("a string of the configuration cannot hold a line break")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def single_vm(options):
    """(.dts text, modules) of `tenure run -kernel`: one VM as the command line says."""
    modules = {"kernel": options.kernel}
    vm = [f"memory = {quoted(str(size_of(options.m) >> 10) + 'K')};", f"vcpus = <{options.smp}>;",
          'kernel = "kernel";', f"format = {quoted(options.format)};"]
    if options.initrd:
        modules["initrd"] = options.initrd
        vm.append('initrd = "initrd";')
    names = []
    for number, given in enumerate(options.module or []):
        # Multiboot: the file, then the string the guest sees with it.
        path, _, string = given.partition("=")
        name = string or os.path.basename(path)
        if name in modules:
            name = f"{name}.{number}"
        modules[name] = path
        names.append(name)
    if names:
        vm.append(f"modules = {', '.join(map(quoted, names))};")
    if options.append is not None:
        vm.append(f"cmdline = {quoted(options.append)};")
    if options.host_control:
        vm.append("host-control;")
    if options.no_clock:
        vm.append("no-clock;")
    for path in modules.values():
        if not os.path.isfile(path):
            raise Refused(f"{path}: no such file")
    body = "\n\t\t\t".join(vm)
    text = f"""/dts-v1/;
/ {{
\tcompatible = "tenure,config-1";
\thost {{
\t\t{host_properties(options)}
\t}};
\tvms {{
\t\tguest {{
\t\t\t{body}
\t\t}};
\t}};
}};
"""
    return text, modules


def host_properties(options):
    words = []
    if options.explain:
        words.append("explain;")
    if options.huge_pages:
        words.append(f"huge-pages = {quoted(options.huge_pages)};")
    if options.prompt:
        words.append("prompt;")
    return "\n\t\t".join(words)


def with_host(options, directory):
    """The user's .dts, or one that adds to it what options say of the host."""
    words = host_properties(options)
    if not words:
        return options.config
    source = os.path.join(directory, "config.dts")
    with open(source, "w", encoding="utf-8") as file:
        file.write(f"/include/ {quoted(os.path.abspath(options.config))}\n/ {{ host {{ {words} }}; }};\n")
    return source


def compile_dts(source, target):
    """dtc's own words when it refuses the text."""
    done = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", target, source],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"{source}: dtc refuses it:\n{done.stdout.rstrip()}")


def properties(blob):
    """(path of the node, name, value) of each property in a device tree blob."""
    magic, _, structure, strings = struct.unpack(">4I", blob[:16])
    if magic != 0xD00DFEED:
        raise ValueError("not a device tree blob")
    path, at = [], structure
    while True:
        token = struct.unpack_from(">I", blob, at)[0]
        at += 4
        if token == 1:
            end = blob.index(b"\0", at)
            path.append(blob[at:end].decode(errors="replace"))
            at = (end + 4) & ~3
        elif token == 2:
            path.pop()
        elif token == 3:
            length, offset = struct.unpack_from(">II", blob, at)
            name = blob[strings + offset:blob.index(b"\0", strings + offset)].decode()
            yield "/".join(path), name, blob[at + 8:at + 8 + length]
            at = (at + 8 + length + 3) & ~3
        elif token != 4:
            return


def module_names(blob):
    """[(node, property, name)]; a damaged tree names none, and is the hypervisor's to refuse."""
    found = []
    try:
        for node, name, value in properties(blob):
            if node.startswith("/vms/") and node.count("/") == 2 and name in MODULE_PROPERTIES:
                found += [(node, name, word.decode(errors="replace"))
                          for word in value.split(b"\0") if word]
    except (ValueError, IndexError, struct.error):
        pass
    return found


def find_modules(blob, directories, given):
    """(modules, [sentences about files that are not there]). given: name -> path, from -file."""
    modules, missing = {}, []
    for node, name, module in module_names(blob):
        if module in modules:
            continue
        places = [given[module]] if module in given else [
            os.path.join(directory, module) for directory in directories]
        # A board without ELF files: a guest's image is made of one, and lies beside it.
        images = [place[:-4] + ".img" for place in places if place.endswith(".elf") and module not in given]
        path = next((place for place in images + places if os.path.isfile(place)), None)
        if path:
            modules[module] = path
        else:
            missing.append(f"{node}: {name} = {quoted(module)}: there is no such file beside the "
                           f"configuration; -file {module}=PATH names another place")
    for module, path in given.items():
        modules.setdefault(module, path)
    return modules, missing


def guest_directories(arch):
    return [os.path.join(TOP, "build", arch, "guests"), os.path.join(TOP, "build/guests", arch)]


def memory_of(blob):
    """Bytes of all VMs' memory, as far as the tree can be read."""
    total = 0
    try:
        for node, name, value in properties(blob):
            if node.startswith("/vms/") and name == "memory":
                text = value.rstrip(b"\0").decode("ascii", "replace")
                cell = len(value) in (4, 8) and not text.isprintable()
                total += int.from_bytes(value, "big") if cell else size_of(text)
    except (ValueError, IndexError, struct.error, Refused):
        pass
    return min(total, 1 << 40)
