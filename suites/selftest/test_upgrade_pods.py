"""The removals of pods, which explain the ends of long streams."""

import math
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from fixtures.clients.kube import Kube
from fixtures.upgrade.pods import Pods

#: 12:00:30 UTC on the first day of the epoch: the end of a grace period of 30 s.
DELETED = {"deletionTimestamp": "1970-01-01T12:00:30Z", "deletionGracePeriodSeconds": 30}
#: The same pod once the kubelet has ended it: Kubernetes moves the end back to the request.
ENDED = {"deletionTimestamp": "1970-01-01T12:00:00Z", "deletionGracePeriodSeconds": 0}
NOON = 12 * 3600.0


class FakeKube:
    """An API server whose pods are deleted: named, being deleted with a new grace period, gone."""

    def __init__(self, *states: list[dict[str, Any]]) -> None:
        self.states = iter(states)
        self.pods: Pods | None = None

    def watch_all(self, kind: str, namespace: str, *, timeout: float) -> Iterator[list[dict[str, Any]]]:
        yield from self.states
        assert self.pods
        self.pods.abandon()


def watched(*states: dict[str, Any] | None, label: str = "app") -> Pods:
    """Watch one pod through these states of its metadata; None once it is gone."""
    fake = FakeKube(
        *(
            [{"metadata": {"name": "pod-1", "labels": {"app": label}, **state}, "spec": {"containers": []}}]
            if state is not None
            else []
            for state in states
        )
    )
    pods = fake.pods = Pods(cast("Kube", fake), ("upgrade",), "istio-ingressgateway")
    pods.start()
    pods.stop()
    return pods


@pytest.mark.parametrize(
    ("label", "directions"),
    [
        ("istio-ingressgateway", ("north-south",)),
        ("app", ("north-south", "east-west")),
        ("client", ("east-west",)),
    ],
)
def test_removal_lasts_from_the_request_until_the_pod_is_gone(
    label: str, directions: tuple[str, ...]
) -> None:
    begun = time.time()
    (found,) = watched({}, DELETED, ENDED, None, label=label).removals()
    assert (found.pod, found.directions) == ("pod-1", directions)
    assert NOON - 1 <= found.begun <= NOON
    assert begun <= found.ended <= time.time() + 2


def test_removal_of_a_pod_that_is_still_there_has_no_end() -> None:
    (found,) = watched({}, DELETED).removals()
    assert found.ended == math.inf


def test_live_pods_and_pods_without_long_streams_are_no_removals() -> None:
    assert [*watched({}).removals()] == []
    assert [*watched(DELETED, None, label="istiod").removals()] == []
