"""The label alone changes no pod."""

import allure
import pytest

from fixtures.checks.pods import check_only_owner, check_unchanged
from fixtures.clients.kube import Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.settings import Names
from fixtures.stages import Observed
from fixtures.workloads.app import App

pytestmark = pytest.mark.stage("label")


@allure.title("The namespace is labelled for injection")
def test_namespace_is_labelled(injection_label: Resource, app: App, names: Names) -> None:
    """The namespace was labelled: it has istio-injection=enabled, or the revision's tag in istio.io/rev."""
    labels, (label, value) = app.namespace()["metadata"]["labels"], names.installed.injection
    assert labels.get(label) == value, f"the namespace's labels are {labels}"


@allure.title("The running pod is unchanged")
def test_label_alone_changes_no_pod(
    injection_label: Resource, app: App, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """The namespace was labelled without a restart: for 5 s pod, containers and ReplicaSet stay the same."""

    def unchanged() -> None:
        check_unchanged(app.pod(), before=injection_label)
        check_only_owner(app.owners(), app.pods())

    cluster_waits.quiet(unchanged, "the running pod is unchanged")
    observed(f"label set, pod unchanged for {cluster_waits.timeouts.quiet_period:g} s")
