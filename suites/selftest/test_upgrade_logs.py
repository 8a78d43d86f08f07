"""Logs that are followed from a container's start to its end, each line once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import waits
from fixtures.clients.kube import Kube
from fixtures.values.upgrade.logs import Logs, PodLog
from suites.selftest.fake_api_server import PODS, FakeApiServer, Json, fake_api_server, pods

LOG = f"GET {PODS}/web/log"
FIRST = "2026-01-01T00:00:01.1Z one\n2026-01-01T00:00:01.2Z two\n"
SECOND = "2026-01-01T00:00:01.2Z two\n2026-01-01T00:00:02.0Z three\n"


def web(state: str) -> Json:
    return {
        "metadata": {
            "name": "web",
            "namespace": "test",
            "uid": "u",
            "resourceVersion": "1",
            "labels": {"app": "a"},
        },
        "spec": {"containers": [{"name": "app", "image": "x:1"}]},
        "status": {"containerStatuses": [{"name": "app", "state": {state: {}}}]},
    }


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_api_server(tmp_path) as api:
        api.on(f"GET {PODS}", pods(5, web("running")))
        yield api


@pytest.fixture
def logs(api: FakeApiServer, tmp_path: Path) -> Iterator[Logs]:
    logs = Logs(Kube(api.kubeconfig, timeout=5), tmp_path / "logs", [("test", "app=a")])
    yield logs
    logs.abandon()


def written(logs: Logs, count: int) -> PodLog:
    def enough() -> PodLog:
        (log,) = logs.of("app")
        assert len([*log.lines()]) == count
        return log

    return waits.eventually(enough, "the log is written", 5, retry_on=(AssertionError, ValueError))


def test_a_log_is_written_without_its_times(api: FakeApiServer, logs: Logs) -> None:
    api.on(LOG, FIRST)
    api.on(f"GET {PODS}/web", web("terminated"))
    logs.start()
    log = written(logs, 2)
    assert [*log.lines()] == ["one\n", "two\n"]
    assert (log.name, log.app, log.image, log.breaks) == ("web", "a", "x:1", [])


def test_a_stream_that_breaks_is_taken_up_where_it_was(api: FakeApiServer, logs: Logs) -> None:
    api.on(LOG, FIRST, SECOND)
    api.on(f"GET {PODS}/web", web("running"), web("terminated"))
    logs.start()
    log = written(logs, 3)
    assert [*log.lines()] == ["one\n", "two\n", "three\n"]
    assert log.breaks == ["the stream ended and the container runs on"]
    asked = [query for verb, path, query, _ in api.asked if path == f"{PODS}/web/log"]
    assert asked[1]["sinceTime"] == "2026-01-01T00:00:01.2Z"


def test_lines_are_read_from_a_place_on(api: FakeApiServer, logs: Logs) -> None:
    api.on(LOG, FIRST)
    api.on(f"GET {PODS}/web", web("terminated"))
    logs.start()
    assert [*written(logs, 2).lines(len("one\n"))] == ["two\n"]
