"""Accounting: the fate of each request, from the records of its id in client, proxies and app."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from fixtures.traffic.records import NothingSent, Record
from fixtures.upgrade.judging.accounting import Account, Counts, IdsClash, UnknownStream, outages, reconcile
from fixtures.upgrade.judging.log_entries import AppEntry, LogEntry
from fixtures.upgrade.judging.phases import OUTSIDE, Phase
from suites.selftest.traffic_peers import stream

STREAMS = (stream("get"), stream("held", kept=True, hold_ms=110), stream("denied", expected="403"))
PHASES = (Phase("before", "", 0, 10, 5), Phase("gateway", "", 10, 20, 5))


def record(
    outcome: str = "200", *, name: str = "get", start: float = 1.0, seconds: float = 0.002, number: int = 1
) -> Record:
    return Record(f"r-{number}", name, start, seconds, outcome, "new", 0.0004)


def logged(pod: str, *, flags: str = "", attempts: int = 1, number: int = 1, code: int = 200) -> LogEntry:
    version = "1.28.2" if pod.startswith("gateway") else "1.29.1"
    upstream = "10.244.0.9:8080"
    return LogEntry(
        f"r-{number}", 1.0, code, flags, attempts, 0.001, upstream, "9f", pod, "", version
    )  # fmt: skip


def served(number: int = 1) -> AppEntry:
    return AppEntry(f"r-{number}", "GET", "/echo", 1.0, "app-1")


def account(
    records: Iterable[Record],
    gateway: Iterable[LogEntry] = (),
    sidecar: Iterable[LogEntry] = (),
    app: Iterable[AppEntry] = (),
) -> Account:
    return reconcile(
        records, gateway=gateway, sidecar=sidecar, app=app, streams=STREAMS, phases=PHASES
    )  # fmt: skip


GATEWAY, SIDECAR = logged("gateway-1"), logged("app-1")


def test_request_logged_once_everywhere_is_only_answered() -> None:
    found = account([record()], [GATEWAY], [SIDECAR], [served()])
    assert found.total == Counts(sent=1, answered=1)
    assert (found.failed, found.retried, found.unrecorded) == ((), (), 0)
    assert found.logs == ("gateway", "sidecar", "app")


@pytest.mark.parametrize(
    ("outcome", "logs", "total", "reached"),
    [
        ("reset", ([], [], []), Counts(sent=1, failed=1, lost=1), "nowhere"),
        ("reset", ([GATEWAY], [], []), Counts(sent=1, failed=1), "gateway"),
        ("503", ([GATEWAY], [SIDECAR], []), Counts(sent=1, failed=1), "sidecar"),
        ("503", ([], [], []), Counts(sent=1, failed=1), "nowhere"),
        (
            "empty reply",
            ([GATEWAY], [SIDECAR], [served()]),
            Counts(sent=1, failed=1, served_unanswered=1),
            "app",
        ),
    ],
    ids=["lost", "ended-at-the-gateway", "ended-at-the-sidecar", "answered-by-nobody-known", "served"],
)
def test_failed_request_is_reported_with_how_far_it_came(
    outcome: str,
    logs: tuple[list[LogEntry], list[LogEntry], list[AppEntry]],
    total: Counts,
    reached: str,
) -> None:
    found = account([record(outcome)], *logs)
    assert found.total == total
    assert [each.reached for each in found.failed] == [reached]


def test_failure_has_phase_flags_of_both_proxies_pod_and_version() -> None:
    gateway = logged("gateway-1", flags="UF,URX", attempts=1, code=503)
    (failure,) = account([record("503", start=12.0)], [gateway], [logged("app-1", flags="UC")]).failed
    assert (failure.phase, failure.outcome) == ("gateway", "503")
    assert (failure.gateway_flags, failure.sidecar_flags) == ("UF,URX", "UC")
    assert (failure.pod, failure.pod_version, failure.upstream) == ("app-1", "1.29.1", "10.244.0.9:8080")
    assert "503 after 0.002 s on a new connection; reached sidecar" in failure.describe()
    assert "flags UF,URX and UC; app-1 (proxy 1.29.1)" in failure.describe()


def test_failure_logged_only_by_the_gateway_is_attributed_to_it() -> None:
    (failure,) = account([record("503")], [logged("gateway-1", flags="UH")]).failed
    assert (failure.pod, failure.pod_version, failure.sidecar_flags) == ("gateway-1", "1.28.2", "")


def test_request_served_twice_by_the_app_is_duplicated() -> None:
    found = account([record()], [GATEWAY], [SIDECAR], [served(), served()])
    assert found.total == Counts(sent=1, answered=1, duplicated=1)
    assert [each.served for each in found.duplicated] == [2]


@pytest.mark.parametrize(
    ("first", "last"),
    [([logged("gateway-1", attempts=2)], [SIDECAR]), ([GATEWAY], [logged("app-1", flags="UF"), SIDECAR])],
    ids=["attempts", "seen-twice"],
)
def test_request_sent_again_by_the_mesh_is_retried(first: list[LogEntry], last: list[LogEntry]) -> None:
    found = account([record()], first, last, [served()])
    assert found.total == Counts(sent=1, answered=1, retried=1)
    assert len(found.retried) == 1


@pytest.mark.parametrize(
    ("outcome", "entries", "total"),
    [
        ("403", [], Counts(sent=1, answered=1)),
        ("200", [served()], Counts(sent=1, wrongly_allowed=1)),
        ("200", [], Counts(sent=1, wrongly_allowed=1)),
        ("403", [served()], Counts(sent=1, answered=1, wrongly_allowed=1)),
        ("reset", [served()], Counts(sent=1, failed=1, wrongly_allowed=1)),
        ("503", [], Counts(sent=1, failed=1)),
    ],
    ids=["denied", "allowed", "answered-by-another", "served-all-the-same", "served-and-reset", "failed"],
)
def test_denied_request_is_wrongly_allowed_if_answered_or_served(
    outcome: str, entries: list[AppEntry], total: Counts
) -> None:
    assert account([record(outcome, name="denied")], app=entries).total == total


def test_response_missing_from_the_apps_log_is_a_gap() -> None:
    records = [record(number=1), record(number=2)]
    assert account(records, app=[served(1)]).total.unlogged == 1
    assert account(records).total.unlogged == 0
    assert account(records).logs == ()


def test_id_found_only_in_a_log_is_unrecorded() -> None:
    assert account([record()], [GATEWAY, logged("gateway-1", number=7)], app=[served(8)]).unrecorded == 2


def test_requests_are_counted_by_the_phase_in_which_they_started() -> None:
    records = [record(start=start, seconds=3, number=number) for number, start in enumerate((9, 11, 12, 25))]
    found = account(records)
    assert [found.of_phase(name).sent for name in ("before", "gateway", OUTSIDE)] == [1, 2, 1]
    assert found.of_stream("get") == found.total == Counts(sent=4, answered=4)


def test_latency_excludes_the_apps_delay_and_wrong_responses() -> None:
    records = [
        record(name="held", seconds=0.115, number=1),
        record(name="held", seconds=0.1099, number=2),
        record("503", name="held", seconds=0.001, number=3),
    ]
    (latencies,) = account(records).latencies.values()
    assert [round(each, 6) for each in latencies] == [0.005, 0]


def test_one_failed_request_among_thousands_is_found() -> None:
    records = [record(number=number, start=number / 10_000) for number in range(30_000)]
    records[17_000] = replace(records[17_000], outcome="reset")
    found = account(records, app=(served(number) for number in range(30_000)))
    assert (found.total.failed, found.total.served_unanswered) == (1, 1)
    assert [each.record.id for each in found.failed] == ["r-17000"]


def test_consecutive_failures_are_one_outage() -> None:
    starts = (1.0, 1.5, 2.4, 9.0)
    records = [record("503", start=at, seconds=0.1, number=number) for number, at in enumerate(starts)]
    stretches = [(each.begun, round(each.ended, 3), each.failed) for each in outages(account(records).failed)]
    assert stretches == [(1.0, 2.5, 3), (9.0, 9.1, 1)]


def test_no_records_are_refused() -> None:
    with pytest.raises(NothingSent):
        account([], [GATEWAY])


def test_two_requests_with_the_same_id_are_refused() -> None:
    with pytest.raises(IdsClash, match="two requests have the id r-1"):
        account([record(), record()])


def test_request_of_an_unknown_stream_is_refused() -> None:
    with pytest.raises(UnknownStream, match="'put', which is not in the plan"):
        account([record(name="put")])
