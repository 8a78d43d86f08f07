"""Measure how long the suite takes to notice that a state has become true. Prints, never asserts."""

import random
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from fixtures.clients.kube import Kube, Resource
from fixtures.clusters.base import Cluster
from fixtures.waits import eventually, watched

pytestmark = pytest.mark.stage("cluster")

ROUNDS = 40
GOAL = 0.2

CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "bench-notice", "namespace": "default"},
}


def _lag(make_true: Callable[[], object], notice: Callable[[], object]) -> float:
    """Return the seconds from the start of a change, at a random time, until a wait returns."""
    became: list[float] = []

    def change() -> None:
        # A watch may report the change before the request for it is answered, so take the time before.
        became.append(time.monotonic())
        make_true()

    # The delay is random so that the change does not coincide with the wait's polling interval.
    timer = threading.Timer(random.uniform(0.2, 1.2), change)  # noqa: S311 - no secret
    timer.start()
    notice()
    noticed = time.monotonic()
    timer.join()
    return noticed - became[0]


def _print(capsys: pytest.CaptureFixture[str], name: str, lags: list[float]) -> None:
    with capsys.disabled():
        spread = f"from {min(lags):.3f} to {max(lags):.3f}"
        print(
            f"\n{name}: median {statistics.median(lags):.3f} s ({spread}, {len(lags)} rounds); goal {GOAL} s"
        )


def test_watched_change_in_kubernetes_is_noticed(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ConfigMap's value changes at a random moment while `watched` waits for it."""
    kube, lags = cluster.kube(), []
    for number in range(ROUNDS):
        _set(kube, "before")

        lags.append(_lag(partial(_set, kube, str(number)), partial(_await, kube, str(number))))
    _print(capsys, "noticing a watched change", lags)


def test_polled_change_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    """A flag changes at a random moment while `eventually` polls it."""
    lags = []
    for _ in range(ROUNDS):
        flag = threading.Event()

        def is_set(flag: threading.Event = flag) -> None:
            assert flag.is_set()

        lags.append(_lag(flag.set, lambda: eventually(is_set, "the flag is set", 10)))
    _print(capsys, "noticing a polled change", lags)


def _set(kube: Kube, value: str) -> None:
    kube.apply(CONFIG_MAP | {"data": {"round": value}})


def _await(kube: Kube, value: str) -> None:
    def has_come(found: Resource | None) -> None:
        assert found is not None
        assert found["data"]["round"] == value

    watched(
        lambda seconds: kube.watch("v1/ConfigMap", "bench-notice", "default", timeout=seconds),
        has_come,
        "the ConfigMap has changed",
        10,
        give_up=lambda: None,
    )
