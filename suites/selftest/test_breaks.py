"""The data in breaks.yaml: every cause has a break, and every break is reverted completely."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from fixtures.causes import CAUSES, INGRESS
from fixtures.clients.kubectl import Kubectl
from suites.lab.breaks import breaks
from suites.prove.breaking import Break, broken

BREAKS, CIRCUMSTANCES = breaks()
#: A cause that can't be provoked on a single node without losing the cluster, one that needs no break, one
#: that STRICT replaces: suites/lab/cases/mutual-tls-disabled-by-a-rule provokes it before.
NOT_BROKEN = {"node not ready", "Istio is installed", "mutual TLS disabled for a Service"}


class RecordingKubectl:
    """A kubectl with some resources that records its commands."""

    def __init__(self, **there: Any) -> None:
        self.there = {name.replace("_", "/"): value for name, value in there.items()}
        self.told: list[str] = []

    def read(self, *arguments: str) -> str:
        if arguments[0] == "get":
            return json.dumps(self.there[arguments[1]]) if arguments[1] in self.there else ""
        self.told.append(" ".join(arguments))
        return ""


def run_break(kubectl: RecordingKubectl, trial: Break, folder: Path) -> list[str]:
    with broken(trial, cast("Kubectl", kubectl), folder):
        kubectl.told.append("-")
    return kubectl.told


def of(*steps: Any, undo: Any = ()) -> Break:
    return Break(cause="c", words="w", steps=steps, undo=undo)


def test_every_cause_has_a_break() -> None:
    assert {cause.name for cause in CAUSES} - {trial.cause for trial in BREAKS} == NOT_BROKEN


def test_every_break_names_an_existing_cause() -> None:
    assert {trial.cause for trial in BREAKS} <= {cause.name for cause in CAUSES}
    assert {trial.cause for trial in CIRCUMSTANCES} <= {cause.name for cause in INGRESS}


@pytest.mark.parametrize("trial", [*BREAKS, *CIRCUMSTANCES], ids=str)
def test_breaks_apply_only_to_namespaces_deleted_with_the_cluster(trial: Break) -> None:
    assert all(len(target) in (1, 3) for target in trial.targets()), trial.targets()


def test_existing_resource_is_restored(tmp_path: Path) -> None:
    before = {"kind": "Pod", "metadata": {"name": "a", "uid": "1", "labels": {"app": "a"}}}
    kubectl = RecordingKubectl(pod_a=before)
    commands = run_break(kubectl, of({"patch": "pod/a -n test", "by": {"spec": {}}}), tmp_path)
    assert commands == [
        'patch pod/a -n test --type=merge --patch {"spec": {}}',
        "-",
        f"replace --filename {tmp_path}/before.json",
    ]
    assert json.loads((tmp_path / "before.json").read_text()) == {
        "kind": "Pod",
        "metadata": {"name": "a", "labels": {"app": "a"}},
    }


def test_new_resource_is_deleted_after_the_undo_steps(tmp_path: Path) -> None:
    commands = run_break(RecordingKubectl(), of({"apply": "quota"}, undo=[{"run": "annotate x"}]), tmp_path)
    assert commands[1:] == [
        "-",
        "annotate x",
        "delete ResourceQuota/trial -n test-namespace --ignore-not-found",
    ]


def test_deleted_resource_is_recreated(tmp_path: Path) -> None:
    class Deleting(RecordingKubectl):
        def read(self, *arguments: str) -> str:
            if arguments[0] == "delete":
                del self.there[arguments[1]]
            return super().read(*arguments)

    commands = run_break(Deleting(crd_a={"metadata": {"name": "a"}}), of({"delete": "crd/a"}), tmp_path)
    assert commands == ["delete crd/a", "-", f"create --filename {tmp_path}/before.json"]


def test_text_in_a_resource_is_changed_and_restored(tmp_path: Path) -> None:
    before = {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"image": "right"}}
    kubectl = RecordingKubectl(cm_a=before)
    commands = run_break(kubectl, of({"change": "cm/a", "old": "right", "new": "wrong"}), tmp_path)
    changed, restored = (f"replace --filename {tmp_path}/{name}.json" for name in ("changed", "before"))
    assert commands == [changed, "-", restored]
    assert '"image": "wrong"' in (tmp_path / "changed.json").read_text()
    assert '"image": "right"' in (tmp_path / "before.json").read_text()


def test_change_of_an_absent_text_is_an_error(tmp_path: Path) -> None:
    kubectl = RecordingKubectl(cm_a={"kind": "ConfigMap", "metadata": {"name": "a"}})
    with pytest.raises(ValueError, match="cm/a does not contain right"):
        run_break(kubectl, of({"change": "cm/a", "old": "right", "new": "wrong"}), tmp_path)


def test_command_in_the_pods_network_is_undone(tmp_path: Path) -> None:
    ran: list[str] = []
    trial = of({"network": "iptables -I X 1"}, undo=[{"network": "iptables -D X 1"}])
    with broken(trial, cast("Kubectl", None), tmp_path, lambda *command: ran.append(" ".join(command))):
        ran.append("-")
    assert ran == ["iptables -I X 1", "-", "iptables -D X 1"]


def test_each_resource_of_a_file_is_deleted(tmp_path: Path) -> None:
    commands = run_break(RecordingKubectl(), of({"apply": "istiod-pod"}), tmp_path)
    assert commands[2] == "delete Namespace/istio-system --ignore-not-found"
    assert commands[-1] == "delete Pod/trial -n istio-system --ignore-not-found"
