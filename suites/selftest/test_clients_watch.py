"""A watch of Kubernetes resources starts with the current state and survives the loss of its streams."""

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from fixtures.clients.api_server import ApiError, UnknownKind
from fixtures.clients.kube import Kube, Resource
from suites.selftest.fake_api_server import (
    PODS,
    FakeApiServer,
    Json,
    Stream,
    event,
    fake_api_server,
    pod,
    pods,
    refusal,
)

EXPIRED = refusal(410, "Expired", "too old resource version")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_api_server(tmp_path) as api:
        yield api


@pytest.fixture
def watch(api: FakeApiServer) -> Iterator[list[Resource]]:
    """Watch all pods of the namespace test for longer than any test takes."""
    return Kube(api.kubeconfig, timeout=5).watch_all("v1/Pod", "test", timeout=60)


def phases(items: list[Resource]) -> dict[str, str]:
    return {each["metadata"]["name"]: each["status"].get("phase", "") for each in items}


def test_existing_state_is_seen_at_once(api: FakeApiServer, watch: Iterator[list[Resource]]) -> None:
    api.on(f"GET {PODS}", pods(5, pod("web", 3, phase="Running")))
    assert phases(next(watch)) == {"web": "Running"}
    assert [verb for verb, *_ in api.asked] == ["GET", "GET"]


def test_each_change_yields_the_complete_list(api: FakeApiServer, watch: Iterator[list[Resource]]) -> None:
    api.on(f"GET {PODS}", pods(5, pod("old", 3, phase="Running")))
    added = event("ADDED", pod("new", 6, phase="Pending"))
    changed = event("MODIFIED", pod("new", 7, phase="Running"))
    gone = event("DELETED", pod("old", 8))
    api.on(f"WATCH {PODS}", Stream([added, changed, gone]))
    assert [phases(next(watch)) for _ in range(4)] == [
        {"old": "Running"},
        {"old": "Running", "new": "Pending"},
        {"old": "Running", "new": "Running"},
        {"new": "Running"},
    ]


def test_change_is_seen_while_the_stream_is_open(api: FakeApiServer, watch: Iterator[list[Resource]]) -> None:
    events: SimpleQueue[Json | None] = SimpleQueue()
    api.on(f"GET {PODS}", pods(5))
    api.on(f"WATCH {PODS}", Stream(iter(events.get, None)))
    assert next(watch) == []
    events.put(event("ADDED", pod("web", 6, phase="Pending")))
    assert phases(next(watch)) == {"web": "Pending"}
    events.put(None)


def test_ended_stream_resumes_where_it_ended(api: FakeApiServer, watch: Iterator[list[Resource]]) -> None:
    api.on(f"GET {PODS}", pods(5))
    bookmark = event("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
    later = Stream([event("ADDED", pod("web", 10, phase="Running"))])
    api.on(f"WATCH {PODS}", Stream([bookmark]), later)
    assert [phases(next(watch)) for _ in range(2)] == [{}, {"web": "Running"}]
    versions = [query["resourceVersion"] for verb, _, query, _ in api.asked if verb == "WATCH"]
    assert versions == ["5", "9"]


def test_broken_stream_resumes(api: FakeApiServer, watch: Iterator[list[Resource]]) -> None:
    api.on(f"GET {PODS}", pods(5))
    broken = Stream([event("ADDED", pod("web", 6, phase="Pending"))], broken=True)
    api.on(f"WATCH {PODS}", broken, Stream([event("MODIFIED", pod("web", 7, phase="Running"))]))
    assert [phases(next(watch)) for _ in range(3)] == [{}, {"web": "Pending"}, {"web": "Running"}]


@pytest.mark.parametrize(
    "expired", [EXPIRED, Stream([event("ERROR", EXPIRED[1])])], ids=["at-the-start", "in-the-stream"]
)
def test_expired_version_starts_with_a_new_list(
    api: FakeApiServer, watch: Iterator[list[Resource]], expired: Stream | tuple[int, Json]
) -> None:
    api.on(f"GET {PODS}", pods(5, pod("old", 3)), pods(20, pod("new", 15)))
    api.on(f"WATCH {PODS}", expired)
    assert [list(phases(next(watch))) for _ in range(2)] == [["old"], ["new"]]


def test_other_rejection_is_raised(api: FakeApiServer, watch: Iterator[list[Resource]]) -> None:
    api.on(f"GET {PODS}", pods(5))
    api.on(f"WATCH {PODS}", refusal(403, "Forbidden", "cannot watch pods"))
    assert next(watch) == []
    with pytest.raises(ApiError, match="cannot watch pods"):
        next(watch)


def test_watch_of_one_resource_yields_it_or_none(api: FakeApiServer) -> None:
    api.on(f"GET {PODS}", pods(5, pod("web", 3)))
    api.on(f"WATCH {PODS}", Stream([event("DELETED", pod("web", 6))]))
    watch = Kube(api.kubeconfig, timeout=5).watch("v1/Pod", "web", "test", timeout=60)
    assert [next(watch), next(watch)] == [pod("web", 3), None]
    assert api.asked[-1][2]["fieldSelector"] == "metadata.name=web"


def test_watch_ends_after_its_time(api: FakeApiServer) -> None:
    api.on(f"GET {PODS}", pods(5))
    api.on(f"WATCH {PODS}", Stream([]))
    assert list(Kube(api.kubeconfig, timeout=5).watch_all("v1/Pod", "test", timeout=0.1)) == [[]]
    assert api.asked[-1][2]["timeoutSeconds"] == "1"


def test_missing_kind_cannot_be_watched(api: FakeApiServer) -> None:
    watch = Kube(api.kubeconfig, timeout=5).watch_all("networking.istio.io/v1/Gateway", timeout=60)
    with pytest.raises(UnknownKind):
        next(watch)
