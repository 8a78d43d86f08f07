"""What this machine has and lacks for the lab, in words, and what will be done about it; changes nothing."""

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
from lab.sources import versions_of

#: Seconds for a registry to answer.
_PATIENCE = 15.0

#: One small look-up by each registry's ordinary client, of something used here; none of them keeps a file.
_LOOKUPS = {
    "Go modules": ["go", "list", "-m", "-versions", "sigs.k8s.io/kind"],
    "PyPI": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "iniconfig"],
    "npm": ["npm", "view", "allure", "version"],
    "Debian": ["apt-get", "download", "--quiet", "hostname"],
}


class State(StrEnum):
    """How a finding stands: there, put right by the lab itself, or for a person to mend."""

    THERE = "ok"
    MENDED = "will do"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """One thing that the lab needs: how it stands, what was seen, and what will be or must be done."""

    subject: str
    state: State
    seen: str
    action: str = ""

    def __str__(self) -> str:
        """One or two lines for a reader."""
        line = f"{self.state.value:>8}  {self.subject}: {self.seen}"
        return f"{line}\n{'':10}{self.action}" if self.action else line


def examine() -> list[Prerequisite]:
    """Everything looked at, in the order in which a build would stumble over it; takes 15 s at most."""
    looks: list[Callable[[], list[Prerequisite]]] = [
        _root,
        _engine,
        _capabilities,
        _control_groups,
        _firewall,
        _programs,
        _room,
        _resolver,
        _registries,
        _lab,
    ]
    return [finding for look in looks for finding in look()]


def print_findings() -> bool:
    """Print what `examine` finds; whether nothing is left for a person to mend."""
    findings = examine()
    print("\n".join(map(str, findings)))
    missing = [finding.subject for finding in findings if finding.state is State.MISSING]
    print(f"\nTo be mended first: {', '.join(missing)}." if missing else "\nNothing stands in the way.")
    return not missing


def _root() -> list[Prerequisite]:
    if os.geteuid() == 0:
        return [Prerequisite("root", State.THERE, "this is root")]
    action = "run as root: the firewall rules that keep packets on this machine need it"
    return [Prerequisite("root", State.MISSING, "this is not root", action)]


def _engine() -> list[Prerequisite]:
    for found, refusal in engine.survey(prove=False):
        if found is not None and refusal is None:
            whose = "the lab's own" if found.own else f"one that was there, at {found.host}"
            seen = f"Docker {found.version} runs, {whose}"
            return [
                Prerequisite("engine", State.THERE, seen, "a build first runs one privileged container on it")
            ]
    installed = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    place = f"an engine of the lab's own is started below {state_root()}; `python -m lab clean` ends it"
    if installed:
        return [Prerequisite("engine", State.MENDED, "none runs; dockerd is installed", place)]
    action = f"Debian's {', '.join(engine.PACKAGES)} are installed, their services are not started; {place}"
    return [Prerequisite("engine", State.MENDED, "none runs, none is installed", action)]


def _capabilities() -> list[Prerequisite]:
    if not runtime.lacks_capability():
        return [Prerequisite("capabilities", State.THERE, "the bounding set is complete")]
    seen = f"the bounding set lacks some ({runtime.bounding_set():#x})"
    action = "an engine older than 23 gets the bounded runtime, which asks runc for no more than there is"
    return [Prerequisite("capabilities", State.MENDED, seen, action)]


def _control_groups() -> list[Prerequisite]:
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [Prerequisite("control groups", State.THERE, "version 2")]
    needed = {"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"}
    there = {name for entry in root.glob("*") for name in entry.name.split(",")}
    if lacking := sorted(needed - there):
        return [
            Prerequisite(
                "control groups", State.MISSING, f"version 1 without {', '.join(lacking)}", "mount them"
            )
        ]
    return [Prerequisite("control groups", State.THERE, "version 1, every controller that Kubernetes needs")]


def _firewall() -> list[Prerequisite]:
    if shutil.which("iptables", path="/usr/sbin:/sbin:/usr/bin") is None:
        return [
            Prerequisite(
                "firewall", State.MENDED, "no iptables", "Debian's package is installed with the engine"
            )
        ]
    listed = subprocess.run(
        ["/usr/sbin/iptables", "-w", "-S", "FORWARD"], capture_output=True, text=True, check=False
    )
    if listed.returncode and os.geteuid() == 0:
        action = (
            "the kernel needs nf_tables with NFT_COMPAT, or the old ip_tables with the filter and nat tables"
        )
        return [
            Prerequisite("firewall", State.MISSING, f"iptables fails: {listed.stderr.strip()[-200:]}", action)
        ]
    return [
        Prerequisite(
            "firewall", State.THERE, "iptables works" if not listed.returncode else "iptables is there"
        )
    ]


def _programs() -> list[Prerequisite]:
    named = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES.glob("*/go.mod"))
    go = max(
        (tuple(map(int, found)) for found in re.findall(r"^go (\d+)\.(\d+)", named, re.MULTILINE)),
        default=(1, 25),
    )
    findings = [
        _program("Go", ["go", "version"], go, "install it, or import a built lab"),
        _program(
            "Node", ["node", "--version"], (20, 0), "install Node 20 or later: the HTML report needs it"
        ),
    ]
    python = sys.version_info[:2]
    state = State.THERE if python >= (3, 11) else State.MISSING
    return [*findings, Prerequisite("Python", state, f"{python[0]}.{python[1]}")]


def _program(name: str, command: Sequence[str], least: tuple[int, ...], action: str) -> Prerequisite:
    wanted = ".".join(map(str, least))
    if shutil.which(command[0]) is None:
        return Prerequisite(name, State.MISSING, f"not there, {wanted} or later is needed", action)
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    version = tuple(map(int, found.groups())) if found else (0, 0)
    shown = ".".join(map(str, version))
    if version < least:
        return Prerequisite(name, State.MISSING, f"{shown}, {wanted} or later is needed", action)
    return Prerequisite(name, State.THERE, shown)


def _room() -> list[Prerequisite]:
    disk_gib, memory_gib = (0.0, 4.0) if _built() else (build.NEEDED_DISK, build.NEEDED_MEMORY)
    places = {"cache": (cache_root(), "ISTIO_LAB_CACHE"), "engine's data": (state_root(), "ISTIO_LAB_STATE")}
    findings = []
    for name, (folder, variable) in places.items():
        free = host.free_disk(folder) / host.GIB
        state = State.THERE if free >= disk_gib else State.MISSING
        action = (
            "" if state is State.THERE else f"{disk_gib:.0f} GiB are needed: make room, or set {variable}"
        )
        findings.append(
            Prerequisite(f"disk for the {name}", state, f"{free:.0f} GiB free at {folder}", action)
        )
    memory = host.free_memory() / host.GIB
    enough = memory >= memory_gib
    action = (
        "" if enough else f"{memory_gib:.0f} GiB are needed: end other programs, or take a larger machine"
    )
    state = State.THERE if enough else State.MISSING
    return [*findings, Prerequisite("memory", state, f"{memory:.1f} GiB available", action)]


def _resolver() -> list[Prerequisite]:
    addresses = ", ".join(str(one.network_address) for one in firewall.resolvers()) or "none"
    clash = [span for span in firewall.in_use() if span.overlaps(firewall.Range("10.244.0.0/16"))]
    seen = f"{addresses}; the lab's networks keep clear of it"
    if clash:
        seen += f"; the pods' usual range is in use here ({clash[0]}), it gets no blackhole route"
    return [Prerequisite("resolver", State.THERE, seen)]


def _registries() -> list[Prerequisite]:
    with ThreadPoolExecutor(len(_LOOKUPS)) as pool:
        answers = dict(zip(_LOOKUPS, pool.map(_answers, _LOOKUPS.values()), strict=True))
    action = "a first build needs it, a built or imported lab does not; see the client's own configuration"
    return [
        Prerequisite(f"registry for {name}", State.THERE, "answers")
        if answered
        else Prerequisite(
            f"registry for {name}", State.MISSING, f"no answer within {_PATIENCE:.0f} s", action
        )
        for name, answered in answers.items()
    ]


def _lab() -> list[Prerequisite]:
    if _built():
        return [Prerequisite("lab", State.THERE, f"built, with Istio {', '.join(versions_of('istio'))}")]
    action = (
        "`make run` and `python -m lab build` build it; `python -m lab import FILE` takes one built elsewhere"
    )
    return [Prerequisite("lab", State.MENDED, "not built on this machine", action)]


def _built() -> bool:
    return build.plan().built()


def _answers(command: Sequence[str]) -> bool:
    """Whether the look-up succeeds; what the client says may name a site's own hosts and is not shown."""
    with scratch.folder("doctor") as folder:
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment.for_registries(), capture_output=True, check=False,
                timeout=_PATIENCE,
            )  # fmt: skip
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0
