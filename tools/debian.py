# SPDX-License-Identifier: BSD-2-Clause
"""A private apt configuration, made from the Debian entries of the system's own sources.

It has its own lists and its own cache under build/cache/apt, so that sources of packages, and packages of other
architectures, can be fetched without root and without touching what the system knows. Entries of other vendors
are left out: what is built here comes from Debian alone.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CACHE = TOP / "build" / "cache"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Refused(Exception):
    """Something that the user must know, in one sentence."""


def run(command, **options):
    """Runs a command quietly; its words appear only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise Refused(f"`{' '.join(map(str, command))}` failed:\n{words}")
    return done.stdout


def debian_entries():
    """(uri, suite, component) of each Debian archive that the system's apt is configured for."""
    fields = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(SIGNED_BY)"
    found = []
    for line in run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]).splitlines():
        uri, suite, component, origin, signed = line.split("|")
        host = uri.split("/")[2] if "://" in uri else ""
        if origin.startswith("$("):  # the system's lists are empty: judge by the entry itself
            ours = host.endswith("debian.org") or "debian-archive-keyring" in signed
        else:
            ours = origin == "Debian"
        if ours and (uri, suite, component) not in found:
            found.append((uri, suite, component))
    if not found:
        raise Refused("no Debian archive is configured for apt: /etc/apt/sources.list(.d) needs one for its packages")
    return found


class Apt:
    """apt with the private configuration."""

    def __init__(self, architectures=("amd64",)):
        self.root = CACHE / "apt"
        for name in ("lists/partial", "cache/archives/partial", "parts"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        sources = self.root / "sources.list"
        options = [f"arch={','.join(architectures)}"]
        if Path(KEYRING).exists():
            options.append(f"signed-by={KEYRING}")
        option = " ".join(options)
        with open(sources, "w", encoding="utf-8") as out:
            for uri, suite, component in debian_entries():
                out.write(f"deb [{option}] {uri} {suite} {component}\n")
                out.write(f"deb-src [{option}] {uri} {suite} {component}\n")
        settings = {
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": self.root / "parts",
            "Dir::State::lists": self.root / "lists",
            "Dir::Cache": self.root / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        if os.geteuid() == 0:
            settings["APT::Sandbox::User"] = "root"
        self.options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        for arch in architectures:
            self.options += ["-o", f"APT::Architectures::={arch}"]
        self.updated = False

    def get(self, *words, cwd=None):
        return run(["apt-get", "-q", *self.options, *words], cwd=cwd)

    def query(self, *words):
        return run(["apt-cache", *self.options, *words])

    def update(self):
        """Reads the archives' lists, once a run. One that cannot be had (a mirror in the midst of its own update) is
        left out with a warning: what the others do not have either is refused when it is asked for."""
        if self.updated:
            return
        print("reading Debian's package lists (private to build/cache/apt)", flush=True)
        try:
            self.get("update")
        except Refused as refusal:
            failed = [line for line in str(refusal).splitlines() if line.startswith("E: Failed to fetch")]
            if not failed or not any((self.root / "lists").glob("*_Packages*")):
                raise
            print("warning: going on without these package lists:", *failed, sep="\n  ", file=sys.stderr, flush=True)
        self.updated = True

    def source_archive(self, package):
        """Downloads the upstream archive of a source package; its path and version."""
        self.update()
        place = CACHE / "sources"
        place.mkdir(parents=True, exist_ok=True)
        print(f"downloading the source of {package}", flush=True)
        uris = self.get("--print-uris", "--tar-only", "source", package)
        names = [line.split()[1] for line in uris.splitlines() if line.startswith("'")]
        archives = [name for name in names if ".orig.tar." in name]
        if len(archives) != 1:
            raise Refused(f"the source package {package} has {len(archives)} upstream archives, expected 1")
        self.get("--download-only", "--tar-only", "source", package, cwd=place)
        name = archives[0]
        return place / name, name[len(package) + 1:name.index(".orig.tar.")]

    def download(self, package, place):
        """Downloads one binary package into `place`; its path and version."""
        self.update()
        place.mkdir(parents=True, exist_ok=True)
        line = self.get("--print-uris", "download", package).splitlines()[-1].split()
        path = place / line[1]
        if not (path.exists() and path.stat().st_size == int(line[2])):
            print(f"downloading {package} ({int(line[2]) >> 20} MiB)", flush=True)
            self.get("download", package, cwd=place)
        return path, run(["dpkg-deb", "-f", str(path), "Version"]).strip()

    def depends(self, package):
        """The first package of each dependency, in order."""
        self.update()
        lines = self.query("depends", "--no-recommends", "--no-suggests", package).splitlines()
        return [line.split(":", 1)[1].strip() for line in lines if line.strip().startswith("Depends:")]


def need(program):
    if not shutil.which(program):
        raise Refused(f"{program} is missing: run tools/setup")
