"""Run one cell of the nightly as a user of the mirrors: the shell steps of its jobs, on a runner's variables.

`python -m suites.lab.mirrored_cell FOLDER OPTION...` runs in the user's checkout. It reads the cell from
FOLDER/cell.json, makes it the checkout's matrix, and runs the jobs `matrix` and `cell` of nightly.yml with
the workflow's own options and these. FOLDER/job.json gets what the cell's job came to, and FOLDER/artifacts
what it uploads.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml

from lab.paths import PROJECT
from suites.lab.workflow_steps import Runner, commit, install, variables, write_matrix
from suites.nightly.matrix import Cell
from suites.selftest import fake_github

GIVEN, CAME_TO, ARTIFACTS = "cell.json", "job.json", "artifacts"


def main(folder: Path, options: Sequence[str]) -> None:
    """Run the jobs of the cell in a folder."""
    write_matrix(PROJECT, [Cell(**json.loads((folder / GIVEN).read_text(encoding="utf-8")))])
    install(PROJECT)
    commit(PROJECT)
    with fake_github.serving() as github:
        runner = Runner(PROJECT, folder / ARTIFACTS, folder / "runner", variables(PROJECT, github.url))
        first = runner.run("nightly", "matrix", {})
        (cell,) = json.loads(first.outputs["cells"]["cells"])
        context = {"matrix": {"cell": cell}, "github": {"token": fake_github.TOKEN}}
        job = runner.run("nightly", "cell", context, OPTIONS=" ".join([_own_options(), *options]))
    (folder / CAME_TO).write_text(json.dumps(asdict(job)), encoding="utf-8")


def _own_options() -> str:
    """Return the options that the workflow gives each cell."""
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8"))
    return str(workflow["jobs"]["cell"]["env"]["OPTIONS"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
