"""`python -m suites.bench [NAME ...]`: run benchmarks and print ratios and medians with their spread."""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab import allure
from lab.description import LabDescription, describe
from lab.errors import LabError
from lab.paths import LABEL, OWNER_LABEL, PROJECT, cache_root, owner
from lab.progress import readable
from lab.sources import versions_of
from reports.redaction import guarded_streams, redact
from suites.bench.mesh_check import check
from suites.bench.slower import limited
from suites.bench.timed import COMMAND, timed
from suites.bench.traffic import traffic
from suites.bench.upgrades import same, upgrade

#: The project's goals, in seconds and as a ratio, printed beside the measurements.
WARM_GOAL, RATIO_GOAL, COLD_GOAL, COLD_LIMIT = 75.0, 1.05, 15 * 60.0, 20 * 60.0


def _timed(command: Sequence[str], environment: Mapping[str, str], log: Path) -> float:
    """Return the wall-clock seconds of one command; LabError with the end of its output if it fails."""
    took, status = timed(command, environment, log)
    if status:
        tail = redact(log.read_text(errors="replace"))[-2000:]
        raise LabError(f"`{' '.join(command)}` failed after {readable(took)} (full output: {log}):\n{tail}")
    return took


def _spread(values: Sequence[float], unit: str = "s") -> str:
    return f"median {statistics.median(values):.2f} {unit} (from {min(values):.2f} to {max(values):.2f})"


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _bare(lab: LabDescription) -> tuple[list[str], dict[str, str]]:
    environment = {
        **lab.environment,
        "NODE_IMAGE": lab.node_image,
        "ISTIO_VERSION": lab.istio_version,
        "MANIFESTS": str(PROJECT / "manifests"),
        "LAB_LABEL": LABEL,
        "LAB_OWNER": f"{OWNER_LABEL}={owner()}",
        "ALLURE": str(allure.program(cache_root())),
        "PATH": os.pathsep.join([str(lab.istioctl.parent), lab.environment["PATH"]]),
    }
    script = PROJECT / "suites" / "bench" / "bare.sh"
    return [str(script), str(_free_port()), str(PROJECT / "reports" / "results")], environment


def warm(pairs: int) -> None:
    """Compare `make run` with the same commands in a bare script, in interleaved pairs after one warm-up."""
    lab = describe(versions_of("istio")[-1])
    suite, bare = [], []
    with tempfile.TemporaryDirectory() as folder:
        _timed([*COMMAND, "run", "--distribution=lab"], os.environ, Path(folder) / "first.log")
        for number in range(1, pairs + 1):
            suite.append(
                _timed([*COMMAND, "run", "--distribution=lab"], os.environ, Path(folder) / "suite.log")
            )
            command, environment = _bare(lab)
            bare.append(_timed(command, environment, Path(folder) / "bare.log"))
            ratio = suite[-1] / bare[-1]
            print(
                f"pair {number}: make run {suite[-1]:.1f} s, bare {bare[-1]:.1f} s, ratio {ratio:.2f}",
                flush=True,
            )
    ratios = [mine / theirs for mine, theirs in zip(suite, bare, strict=True)]
    print(f"warm make run   {_spread(suite)}; goal {WARM_GOAL:.0f} s")
    print(f"bare commands   {_spread(bare)}")
    print(f"ratio           {_spread(ratios, '')}; goal {RATIO_GOAL:.2f}")


def cold() -> None:
    """Time one `make run` with empty caches and engine data, in separate folders; print times by part."""
    folder = Path(tempfile.mkdtemp(prefix="istio-conformance-cold-", dir=os.environ.get("BENCH_FOLDER")))
    places = {
        "ISTIO_LAB_CACHE": "lab", "ISTIO_LAB_STATE": "state", "GOCACHE": "go-build", "GOMODCACHE": "go-mod",
        "PIP_CACHE_DIR": "pip", "npm_config_cache": "npm", "XDG_CACHE_HOME": "xdg",
    }  # fmt: skip
    environment = {**os.environ, **{name: str(folder / place) for name, place in places.items()}}
    arguments = [f"VENV={folder / 'venv'}"]
    try:
        took = _timed(["make", "run", "DISTRIBUTION=lab", *arguments], environment, folder / "run.log")
        parts: dict[str, float] = json.loads((folder / "lab" / "times.json").read_text())
        for name, seconds in sorted(parts.items(), key=lambda part: -part[1]):
            print(f"  {name:<14} {readable(seconds)}")
        goals = f"goal {readable(COLD_GOAL)}, limit {readable(COLD_LIMIT)}"
        print(f"cold make run   {readable(took)} ({took:.0f} s); {goals}")
        print(
            "  (rootfs and programs build in parallel; the rest of the time is the run itself, venv and npm)"
        )
    finally:
        subprocess.run(
            ["make", "clean", *arguments], cwd=PROJECT, env=environment, check=False, capture_output=True
        )
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=False)
        shutil.rmtree(folder)


def notice() -> None:
    """Measure how long the suite takes to notice that a state has become true, on a lab cluster."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "suites/bench"]
    subprocess.run(command, cwd=PROJECT, check=False)


def _upgrades(which: str, runs: int, logs: Path | None, cores: float | None) -> None:
    with tempfile.TemporaryDirectory() as temporary, limited(cores, Path(temporary)) as options:
        folder = logs or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if which == "upgrade":
            upgrade(runs, folder, options)
        else:
            same(versions_of("istio")[-1], runs, folder, options)


def _run(which: str, chosen: argparse.Namespace) -> None:
    """Run one benchmark."""
    benchmarks: Mapping[str, Callable[[], None]] = {
        "warm": lambda: warm(chosen.pairs),
        "notice": notice,
        "cold": cold,
        "traffic": lambda: traffic(chosen.phase),
        "check": lambda: check(chosen.runs),
    }
    if which in benchmarks:
        benchmarks[which]()
    else:
        _upgrades(which, chosen.runs, chosen.logs, chosen.cores)


#: The benchmarks that run by default, and all of them. The cold one takes a quarter of an hour.
USUAL = ("warm", "notice")
BENCHMARKS = ("warm", "notice", "cold", "traffic", "upgrade", "same", "check")


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks; return 0 if they ran, whatever the figures, and 1 if one could not run."""
    parser = argparse.ArgumentParser(prog="istio-conformance bench", description=__doc__)
    parser.add_argument(
        "which", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)} (default: {' '.join(USUAL)})"
    )
    parser.add_argument(
        "--pairs", type=int, default=3, help="interleaved pairs of the warm benchmark (default 3)"
    )
    parser.add_argument(
        "--phase", type=float, default=10, help="seconds of each phase of the traffic benchmark (default 10)"
    )
    parser.add_argument(
        "--runs", type=int, default=1, help="number of upgrades, A/A runs or checks (default 1)"
    )
    parser.add_argument(
        "--logs",
        type=Path,
        default=None,
        help="a folder for the output of each upgrade (default: do not keep it)",
    )
    parser.add_argument(
        "--cores",
        type=float,
        default=None,
        help="emulate a slower machine: limit the node of each upgrade to this many cores (default: all)",
    )
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.which if name not in BENCHMARKS]:
        parser.error(f"no benchmark named {unknown[0]}; known: {', '.join(BENCHMARKS)}")
    try:
        for which in chosen.which or USUAL:
            _run(which, chosen)
    except LabError as error:
        print(f"[bench] {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with guarded_streams():
        sys.exit(main(sys.argv[1:]))
