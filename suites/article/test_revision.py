"""A control plane with a revision: its tags inject, and of two labels istio-injection wins."""

import allure
import pytest

from fixtures.mesh.injection_trial import InjectionTrial
from fixtures.settings import REVISION, Names

pytestmark = [pytest.mark.stage("control-plane"), pytest.mark.revision]


@allure.title("A namespace labelled with the revision or with a tag is injected")
@pytest.mark.parametrize("label", ["revision", "default", "prod"])
def test_label_of_revision_or_tag_injects(injection_trial: InjectionTrial, names: Names, label: str) -> None:
    """The revision is installed: a new pod gets the revision's sidecar through its name and each tag."""
    revision = names.installed.revision
    found = injection_trial.revision_of_sidecar({REVISION: revision if label == "revision" else label})
    assert found == revision, f"the pod's sidecar is of revision {found or '(no sidecar)'}, not {revision}"


@allure.title("A namespace labelled with an unknown tag is not injected")
def test_unknown_tag_does_not_inject(injection_trial: InjectionTrial) -> None:
    """The revision is installed: a label with another tag gives a new pod no sidecar."""
    found = injection_trial.revision_of_sidecar({REVISION: "no-such-tag"})
    assert not found, f"the pod got a sidecar of revision {found}"


@allure.title("istio-injection=disabled wins over a tag")
def test_disabled_injection_wins_over_a_tag(injection_trial: InjectionTrial) -> None:
    """The namespace has both labels: a new pod gets no sidecar, although the tag injects."""
    found = injection_trial.revision_of_sidecar({REVISION: "prod", "istio-injection": "disabled"})
    assert not found, f"the pod got a sidecar of revision {found}"


@allure.title("istio-injection=enabled wins over an unknown tag")
def test_enabled_injection_wins_over_an_unknown_tag(injection_trial: InjectionTrial, names: Names) -> None:
    """The namespace has both labels: a new pod gets the sidecar of the tag `default`."""
    found = injection_trial.revision_of_sidecar({REVISION: "no-such-tag", "istio-injection": "enabled"})
    assert found == names.installed.revision, f"the pod's sidecar is of revision {found or '(no sidecar)'}"
