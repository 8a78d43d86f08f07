"""The removals of pods, which explain the ends of long streams."""

from typing import Any, cast

import pytest

from fixtures.clients.kube import Kube
from fixtures.upgrade.pods import Pods

#: 12:00:30 UTC on the first day of the epoch: the end of a grace period of 30 s.
DELETED = {"deletionTimestamp": "1970-01-01T12:00:30Z", "deletionGracePeriodSeconds": 30}
NOON = 12 * 3600.0


def watched(**metadata: Any) -> Pods:
    pods = Pods(cast("Kube", None), ("upgrade",))
    pods.seen["pod-1"] = {"metadata": {"name": "pod-1", **metadata}, "spec": {"containers": []}}
    return pods


@pytest.mark.parametrize(
    ("label", "directions"),
    [
        ("istio-ingressgateway", ("north-south",)),
        ("app", ("north-south", "east-west")),
        ("client", ("east-west",)),
    ],
)
def test_removal_lasts_from_the_request_to_the_end_of_the_grace_period(
    label: str, directions: tuple[str, ...]
) -> None:
    (found,) = watched(labels={"app": label}, **DELETED).removals()
    assert (found.pod, found.directions) == ("pod-1", directions)
    assert NOON - 1 <= found.begun <= NOON
    assert NOON + 30 <= found.ended <= NOON + 33


def test_live_pods_and_pods_without_long_streams_are_no_removals() -> None:
    assert [*watched(labels={"app": "app"}).removals()] == []
    assert [*watched(labels={"app": "istiod"}, **DELETED).removals()] == []
