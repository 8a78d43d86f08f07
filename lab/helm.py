"""Builds Helm and takes Istio's charts from its Go module, for the first run that installs with Helm.

Neither belongs to the lab's plan: a lab for the other installers compiles and keeps nothing of them.
"""

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab import environment, programs
from lab.build import plan
from lab.cache import Entry, digest
from lab.errors import LabError
from lab.paths import cache_root
from lab.progress import Progress
from lab.sources import Source, on_demand
from reports.redaction import redact

#: Istio's module, and where its charts are in it, by the names under which they are published.
_MODULE = "istio.io/istio"
CHARTS = {
    "base": "base",
    "istiod": "istio-control/istio-discovery",
    "gateway": "gateway",
    "cni": "istio-cni",
}
#: Seconds that compiling Helm takes on two cores after core, whose packages the compiler's cache holds.
_GUESS = 90.0
_CHART_VERSION = re.compile(r"^(version|appVersion): .*$", re.MULTILINE)


def program() -> Path:
    """Return the helm program, built first if it is missing. Raises LabError with Go's output."""
    helm, root = on_demand("helm"), cache_root()
    entry, progress = programs.entry(helm, root), Progress(root / "times.json")

    def build(folder: Path) -> None:
        progress.expect({helm.name: _GUESS})
        with progress.step(helm.name, helm.title) as update:
            programs.build(helm, folder, update=update)

    entry.make(build, progress.say, "helm")
    entry.use()
    return entry.path / "helm"


def charts(istio_version: str, say: Callable[[str], None]) -> Path:
    """Return a folder with the charts of an Istio version, by published name, from Istio's Go module.

    Raises LabError for an unknown version, and if Go cannot read the module.
    """
    istio = plan(istio={istio_version}).istio(istio_version)
    key = digest(istio.digest, Path(__file__).read_bytes())
    entry = Entry(cache_root(), f"charts-{istio_version}", key)
    names = [f"{name}/Chart.yaml" for name in CHARTS]
    entry.make(partial(_copy, istio, istio_version), say, *names)
    entry.use()
    return entry.path


def _copy(istio: Source, version: str, folder: Path) -> None:
    module = _module(istio)
    for name, path in CHARTS.items():
        shutil.copytree(module / "manifests" / "charts" / path, folder / name, copy_function=shutil.copyfile)
        # The module has a placeholder, which Istio's release replaces with its version.
        chart = folder / name / "Chart.yaml"
        chart.write_text(_CHART_VERSION.sub(rf"\1: {version}", chart.read_text(encoding="utf-8")))


def _module(istio: Source) -> Path:
    """Return the folder of Istio's module, downloaded first if Go has not used it yet."""
    command = ["go", "mod", "download", "-json", _MODULE]
    ran = environment.run(command, cwd=istio.folder, env=programs.go_environment())
    if ran.returncode:
        raise LabError(f"`{' '.join(command)}` failed in {istio.name}:\n{redact(ran.stderr).strip()[-1500:]}")
    return Path(json.loads(ran.stdout)["Dir"])
