"""The machine-readable result of a run of the stages, in the manner of the Gateway API's conformance reports.

docs/schemas/conformance.schema.json describes it. Source of the form: Gateway API, "Conformance", section
"Conformance report".
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reports.environment import LAB, Tested
from reports.redaction import redact, redact_tree
from reports.summary import StageRecord, TestOutcome, Verdict

#: The files in a results folder: the result of a run of the stages, and the verdict on an upgrade.
FILE, VERDICT_FILE = "conformance.yaml", "verdict.json"
API_VERSION = "istio-conformance/v1alpha1"
_CLAIMS = {
    True: "A lab build from source, with the stand-ins below. It is no statement on published images.",
    False: "The published Istio, as downloaded.",
}
_RESULTS: Mapping[Verdict, str] = {
    "passed": "success",
    "skipped": "skipped",
    "not reached": "not reached",
    "product": "failure",
    "environment": "failure",
    "suite": "failure",
}
_COUNTED = ("passed", "failed", "skipped", "not reached")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a report says of the run itself."""

    #: When it ended: RFC 3339, in UTC.
    date: str
    exit_code: int
    #: How long it took, in seconds, with everything outside the stages.
    seconds: float
    #: The command that repeats it.
    reproduce: str
    #: The commit of the suite, with "-modified" if files differ from it; empty outside a checkout.
    commit: str
    version: str
    installer: str
    profile: str
    #: The image of the kind node; empty on an existing cluster.
    node_image: str = ""
    #: The kept cluster that the run resumed; the report lacks the stages before.
    resumed_from: str = ""
    #: Digests of the images that the nodes run, by name, as far as the cluster reports them.
    images: Mapping[str, str] = field(default_factory=dict)


def document(stages: Sequence[StageRecord], tested: Tested, run: RunFacts) -> dict[str, Any]:
    """Return the report: what was tested, and the result, counts and reasons of each stage."""
    lab = tested.name == LAB
    return {
        "apiVersion": API_VERSION,
        "kind": "LabBuildReport" if lab else "ConformanceReport",
        "date": run.date,
        "seconds": round(run.seconds, 1),
        "suite": suite(run),
        "implementation": {
            "name": "Istio",
            "claim": _CLAIMS[lab],
            "version": tested.istio_version,
            "envoy": tested.envoy_version,
        },
        "environment": environment(tested, run),
        "result": _result(stages),
        "exitCode": run.exit_code,
        "statistics": _counts([one for stage in stages for one in _results(stage)]),
        "stages": [_stage(each) for each in stages],
        "standIns": list(tested.stand_ins),
        "reproduce": run.reproduce,
    }


def suite(run: RunFacts) -> dict[str, str]:
    """Return which suite ran."""
    return {"version": run.version, "commit": run.commit}


def environment(tested: Tested, run: RunFacts) -> dict[str, Any]:
    """Return where the suite ran: distribution, cluster, installer and every known version."""
    return {
        "distribution": tested.name,
        "kubernetes": tested.kubernetes_version,
        "installer": run.installer,
        "profile": run.profile,
        "nodeImage": run.node_image,
        "resumedFrom": run.resumed_from,
        "versions": dict(tested.versions),
        "images": dict(run.images),
    }


def write(file: Path, result: Mapping[str, Any]) -> None:
    """Write a result without secrets, as JSON or YAML by the file's name. Raises OSError on failure."""
    clean = redact_tree(dict(result))
    if file.suffix == ".json":
        text = json.dumps(clean, indent=2, ensure_ascii=False) + "\n"
    else:
        text = yaml.safe_dump(clean, sort_keys=False, allow_unicode=True, width=110)
    file.write_text(redact(text), encoding="utf-8")


def _result(stages: Sequence[StageRecord]) -> str:
    """Return failure if a stage failed or was not reached, partial if a test was skipped, else success."""
    results = {_RESULTS[each.verdict] for each in stages}
    if not stages or results & {"failure", "not reached"}:
        return "failure"
    return "partial" if any(each.skips for each in stages) else "success"


def _results(stage: StageRecord) -> list[str]:
    return [each.result for each in stage.outcomes.values()]


def _counts(results: Sequence[str]) -> dict[str, int]:
    counted = Counter(results)
    return {{"not reached": "notReached"}.get(each, each): counted[each] for each in _COUNTED}


def failures(outcomes: Iterable[TestOutcome]) -> list[dict[str, str]]:
    """Return each failed test with its reason and the command that repeats it."""
    return [
        {
            "name": each.name,
            "kind": each.kind,
            "expected": each.expected,
            "reason": each.reason,
            "reproduce": each.reproduce,
        }
        for each in outcomes
        if each.result == "failed"
    ]


def _stage(stage: StageRecord) -> dict[str, Any]:
    result = _RESULTS[stage.verdict]
    outcomes = stage.outcomes.values()
    return {
        "name": stage.name,
        "title": stage.title,
        "result": "partial" if result == "success" and stage.skips else result,
        "seconds": round(stage.seconds, 1),
        "statistics": _counts(_results(stage)),
        "reason": stage.reason if result == "not reached" else "",
        "seen": list(stage.seen),
        "failed": failures(outcomes),
        "skipped": [
            {"name": each.name, "reason": each.reason} for each in outcomes if each.result == "skipped"
        ],
    }
