"""Checks this machine's prerequisites for the lab and says how to meet missing ones; changes nothing."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lab import build, engine, environment, firewall, host, runtime, scratch
from lab.paths import SOURCES, cache_root, state_root
from reports.redaction import redact

#: Seconds to wait for a registry to answer.
_REGISTRY_TIMEOUT = 15.0

#: One small lookup per registry, by its ordinary client, of a package that the project uses; leaves no file.
_LOOKUPS = {
    "Go modules": ["go", "list", "-m", "-versions", "sigs.k8s.io/kind"],
    "PyPI": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "iniconfig"],
    "npm": ["npm", "view", "allure", "version"],
    "Debian": ["apt-get", "download", "--quiet", "hostname"],
}


class State(StrEnum):
    """State of a prerequisite: present, met by the lab itself, or to be met by the user."""

    PRESENT = "ok"
    AUTOMATIC = "will do"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """One prerequisite of the lab: its state, what was observed, and what the lab or the user has to do."""

    subject: str
    state: State
    seen: str
    action: str = ""

    def __str__(self) -> str:
        """Return one line, or two with the action."""
        line = f"{self.state.value:>8}  {self.subject}: {self.seen}"
        return f"{line}\n{'':10}{self.action}" if self.action else line


def examine() -> list[Prerequisite]:
    """Check every prerequisite, in the order in which a build needs them. Takes at most 15 s."""
    checks: list[Callable[[], list[Prerequisite]]] = [
        _root,
        _engine,
        _capabilities,
        _control_groups,
        _firewall,
        _programs,
        _disk_and_memory,
        _resolver,
        _registries,
        _lab,
    ]
    return [finding for check in checks for finding in check()]


def print_findings() -> bool:
    """Print the findings of `examine`. Return whether the user has nothing left to do."""
    findings = examine()
    print("\n".join(map(str, findings)))
    missing = [finding.subject for finding in findings if finding.state is State.MISSING]
    print(f"\nFix these first: {', '.join(missing)}." if missing else "\nNothing blocks a build.")
    return not missing


def _root() -> list[Prerequisite]:
    if os.geteuid() == 0:
        return [Prerequisite("root", State.PRESENT, "running as root")]
    action = "run as root: the firewall rules that keep packets on this machine require it"
    return [Prerequisite("root", State.MISSING, "not running as root", action)]


def _engine() -> list[Prerequisite]:
    for found, refusal in engine.survey(prove=False):
        if found is not None and refusal is None:
            owner = "the lab's own" if found.own else f"not started by the lab, at {found.host}"
            seen = f"Docker {found.version} is running, {owner}"
            action = "a build first runs one privileged container on it to check that it can"
            return [Prerequisite("engine", State.PRESENT, seen, action)]
    installed = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    start = f"a build starts the lab's own engine in {state_root()}; `istio-conformance lab clean` stops it"
    if installed:
        return [Prerequisite("engine", State.AUTOMATIC, "none running; dockerd is installed", start)]
    packages = ", ".join(engine.PACKAGES)
    action = f"a build installs Debian's {packages} without starting their services; {start}"
    return [Prerequisite("engine", State.AUTOMATIC, "none running and none installed", action)]


def _capabilities() -> list[Prerequisite]:
    if not runtime.lacks_capability():
        return [Prerequisite("capabilities", State.PRESENT, "the bounding set is complete")]
    seen = f"the bounding set lacks some capabilities ({runtime.bounding_set():#x})"
    action = "the lab's own engine, if older than Docker 23, uses a runtime that doesn't request them"
    return [Prerequisite("capabilities", State.AUTOMATIC, seen, action)]


def _control_groups() -> list[Prerequisite]:
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [Prerequisite("control groups", State.PRESENT, "version 2")]
    needed = {"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"}
    mounted = {name for entry in root.glob("*") for name in entry.name.split(",")}
    if lacking := sorted(needed - mounted):
        seen = f"version 1 without {', '.join(lacking)}"
        return [Prerequisite("control groups", State.MISSING, seen, "mount these controllers")]
    seen = "version 1 with every controller that Kubernetes needs"
    return [Prerequisite("control groups", State.PRESENT, seen)]


def _firewall() -> list[Prerequisite]:
    if shutil.which("iptables", path="/usr/sbin:/sbin:/usr/bin") is None:
        action = "a build installs Debian's iptables together with the engine"
        return [Prerequisite("firewall", State.AUTOMATIC, "iptables is not installed", action)]
    listed = subprocess.run(
        ["/usr/sbin/iptables", "-w", "-S", "FORWARD"], capture_output=True, text=True, check=False
    )
    if listed.returncode and os.geteuid() == 0:
        action = (
            "the kernel needs nf_tables with NFT_COMPAT, or legacy ip_tables with the filter and nat tables"
        )
        return [
            Prerequisite(
                "firewall", State.MISSING, f"iptables fails: {redact(listed.stderr).strip()[-200:]}", action
            )
        ]
    seen = "iptables is installed (root is needed to try it)" if listed.returncode else "iptables works"
    return [Prerequisite("firewall", State.PRESENT, seen)]


def _programs() -> list[Prerequisite]:
    named = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES.glob("*/go.mod"))
    go = max(
        (tuple(map(int, found)) for found in re.findall(r"^go (\d+)\.(\d+)", named, re.MULTILINE)),
        default=(1, 25),
    )
    findings = [
        _program("Go", ["go", "version"], go, "install Go, or import a built lab"),
        _program(
            "Node", ["node", "--version"], (20, 0), "install Node 20 or later: the HTML report needs it"
        ),
    ]
    python = sys.version_info[:2]
    state = State.PRESENT if python >= (3, 11) else State.MISSING
    return [*findings, Prerequisite("Python", state, f"{python[0]}.{python[1]}")]


def _program(name: str, command: Sequence[str], minimum: tuple[int, ...], action: str) -> Prerequisite:
    needed = ".".join(map(str, minimum))
    if shutil.which(command[0]) is None:
        return Prerequisite(name, State.MISSING, f"not installed; {needed} or later is needed", action)
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", output)
    version = tuple(map(int, found.groups())) if found else (0, 0)
    shown = ".".join(map(str, version))
    if version < minimum:
        return Prerequisite(name, State.MISSING, f"{shown}; {needed} or later is needed", action)
    return Prerequisite(name, State.PRESENT, shown)


def _disk_and_memory() -> list[Prerequisite]:
    disk_gib, memory_gib = (0.0, 4.0) if _built() else (build.NEEDED_DISK, build.NEEDED_MEMORY)
    disks = {"cache": (cache_root(), "ISTIO_LAB_CACHE"), "engine's data": (state_root(), "ISTIO_LAB_STATE")}
    findings = []
    for name, (folder, variable) in disks.items():
        free = host.free_disk(folder) / host.GIB
        state = State.PRESENT if free >= disk_gib else State.MISSING
        action = f"free up {disk_gib:.0f} GiB, or set {variable} to a folder on another disk"
        action = "" if state is State.PRESENT else action
        findings.append(
            Prerequisite(f"disk for the {name}", state, f"{free:.0f} GiB free at {folder}", action)
        )
    memory = host.free_memory() / host.GIB
    enough = memory >= memory_gib
    action = "" if enough else f"{memory_gib:.0f} GiB are needed: stop other programs or use a larger machine"
    state = State.PRESENT if enough else State.MISSING
    return [*findings, Prerequisite("memory", state, f"{memory:.1f} GiB available", action)]


def _resolver() -> list[Prerequisite]:
    addresses = ", ".join(str(one.network_address) for one in firewall.resolvers()) or "none"
    clash = [span for span in firewall.in_use() if span.overlaps(firewall.Range("10.244.0.0/16"))]
    seen = f"{addresses}; the lab's networks avoid these addresses"
    if clash:
        seen += (
            f"; this machine uses part of the default pod range ({clash[0]}), so it gets no blackhole route"
        )
    return [Prerequisite("resolver", State.PRESENT, seen)]


def _registries() -> list[Prerequisite]:
    with ThreadPoolExecutor(len(_LOOKUPS)) as pool:
        answers = dict(zip(_LOOKUPS, pool.map(_answers, _LOOKUPS.values()), strict=True))
    action = "only a first build needs it, not a built or imported lab; check the client's configuration"
    return [
        Prerequisite(f"registry for {name}", State.PRESENT, "answers")
        if answered
        else Prerequisite(
            f"registry for {name}",
            State.MISSING,
            f"no answer within {_REGISTRY_TIMEOUT:.0f} s",
            action,
        )
        for name, answered in answers.items()
    ]


def _lab() -> list[Prerequisite]:
    if versions := _built():
        return [Prerequisite("lab", State.PRESENT, f"built, with Istio {', '.join(versions)}")]
    action = (
        "`make run` and `istio-conformance lab build` build it; "
        "`istio-conformance lab import FILE` loads one that was built elsewhere"
    )
    return [Prerequisite("lab", State.AUTOMATIC, "not built on this machine", action)]


def _built() -> list[str]:
    """Return the Istio versions of the built lab; empty if none is built."""
    found = build.plan(istio=())
    return found.istio_versions if found.built() else []


def _answers(command: Sequence[str]) -> bool:
    """Return whether the lookup succeeds, hiding its output, which may name a site's own hosts."""
    with scratch.folder("doctor") as folder:
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment.for_registries(), capture_output=True, check=False,
                timeout=_REGISTRY_TIMEOUT,
            )  # fmt: skip
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0
