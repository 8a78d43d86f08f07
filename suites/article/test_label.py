"""The label alone changes no pod."""

import allure
import pytest

from fixtures.checks.pods import check_unchanged
from fixtures.clients.kube import Resource
from fixtures.values import Observed
from fixtures.values.app import INJECTION, App
from fixtures.values.patience import Patience

pytestmark = pytest.mark.stage("label")


@allure.title("The namespace is labelled for injection")
def test_namespace_is_labelled(injection_label: Resource, app: App) -> None:
    """The namespace was labelled: it says istio-injection=enabled."""
    labels = app.namespace()["metadata"]["labels"]
    assert labels.get(INJECTION) == "enabled", f"the namespace's labels are {labels}"


@allure.title("The running pod stays as it is")
def test_label_alone_changes_no_pod(
    injection_label: Resource, app: App, patience: Patience, observed: Observed
) -> None:
    """The namespace was labelled and nothing restarted: for 5 s the pod keeps its uid and its containers."""
    patience.quiet(
        lambda: check_unchanged(app.pod(), before=injection_label),
        "the running pod stays as it is",
    )
    observed(f"label set, the pod unchanged for {patience.timeouts.quiet_period:g} s")
