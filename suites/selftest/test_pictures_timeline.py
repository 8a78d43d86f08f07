"""The timeline of an upgrade: phases, rates, latencies, failures and long streams, of bounded size."""

import random
import re
from collections.abc import Iterator, Sequence

import pytest

from reports.pictures.scales import clock, lasting, latencies, ticks, time_ticks
from reports.pictures.series import BIN, MOST_MARKS, bins, failures, percentile
from reports.pictures.timeline import NO_SIDECAR, Band, Lifeline, Pod, Point, timeline
from suites.selftest.drawings import drawing

BEGUN = 1_760_000_000.0
TITLES = (
    *("Before the upgrade", "Control plane to 1.29.1", "Gateway to 1.29.1", "Workloads restarted", "After"),
    *(
        "Rollback of the control plane",
        "Rollback of the gateway",
        "Rollback of the workloads",
        "After it all",
    ),
)


def bands(*seconds: float) -> list[Band]:
    ends = [BEGUN + sum(seconds[: number + 1]) for number in range(len(seconds))]
    starts = [BEGUN, *ends[:-1]]
    return [Band(title, title, a, b) for title, a, b in zip(TITLES, starts, ends, strict=False)]


def sent(seconds: float, rate: float = 10, stream: str = "north-south get new") -> Iterator[Point]:
    for number in range(int(seconds * rate)):
        yield Point(
            BEGUN + number / rate, 0.002 + 0.001 * (number % 3), ok=True, stream=stream, outcome="200"
        )


def failed(at: float, outcome: str = "reset", stream: str = "east-west get kept") -> Point:
    return Point(BEGUN + at, 0.001, ok=False, stream=stream, outcome=outcome)


@pytest.mark.parametrize("seconds", [(60,) * 9, (300, *([5] * 7), 565), (5,) * 9, (1, 3000, 1)], ids=str)
def test_texts_never_overlap_for_short_phases(seconds: Sequence[float]) -> None:
    held = [
        Lifeline(f"north-south websocket of a long name {n}", BEGUN, BEGUN + 9, "malformed")
        for n in range(20)
    ]
    points = [*sent(30), *(failed(n, f"outcome number {n % 12}") for n in range(60))]
    assert drawing(timeline(bands(*seconds), points, held=held)).collisions() == []


def test_each_phase_has_its_number_title_and_duration() -> None:
    shown = drawing(timeline(bands(300, 5, 565), [*sent(10)]))
    assert shown.text.count("Control plane to 1.29.1") == 1, "too narrow for its title: only in the table"
    assert {"1 Before the upgrade", "2", "5.0 s", "5 min 00 s", "9 min 25 s"} <= {
        each.text for each in shown.words
    }


def test_each_failure_is_a_mark_with_time_request_and_outcome() -> None:
    points = [*sent(60), failed(12.4), failed(31, "503"), failed(31.1, "503", "north-south get new")]
    shown = drawing(timeline(bands(60), points))
    assert [tip for tip in shown.tips if " after " in tip] == [
        "0:31, east-west get kept: 503 after 1 ms",
        "0:31, north-south get new: 503 after 1 ms",
        "0:12, east-west get kept: reset after 1 ms",
    ]
    assert "603 requests in 1 min 00 s: 3 failed" in shown.text


def test_outcomes_differ_by_shape_and_directions_by_colour() -> None:
    points = [failed(1, "503"), failed(2, "reset"), failed(3, "reset", "north-south get new")]
    svg = timeline(bands(10), points)
    marks = re.findall(
        r'<path d="([^"]+)" fill="([^"]+)"(?: stroke="(#\w+)"[^>]*)? transform[^>]*><title>', svg
    )
    assert len({outline for outline, *_ in marks}) == 2
    assert len({fill + stroke for _, fill, stroke in marks}) == 3


def test_too_many_failures_are_limited_and_the_omission_is_stated() -> None:
    points = [*sent(60), failed(30, "503"), *(failed(n / 100, "refused") for n in range(6000))]
    shown = drawing(timeline(bands(60), points))
    assert shown.marks("refused after") == MOST_MARKS - 1
    assert shown.marks("503 after") == 1, "a rare outcome is never left out"
    assert "6,001 failed, 5,601 of them not drawn" in shown.text
    assert "399 of 6,000" in shown.text


def test_many_kinds_of_outcome_share_a_row() -> None:
    every = failures([failed(n, f"{500 + n}") for n in range(30) for _ in range(30 - n)])
    assert [*every.counted][:2] == ["500", "501"]
    assert [*every.counted][-1] == "others"
    assert sum(every.counted.values()) == sum(range(31))


def test_broken_connection_ends_where_it_broke_and_comes_first() -> None:
    held = [Lifeline("events", BEGUN, None, "open"), Lifeline("websocket", BEGUN + 5, BEGUN + 42, "reset")]
    shown = drawing(timeline(bands(60), [*sent(60)], held=held))
    rows = [each.text for each in shown.words if each.text in {"events", "websocket", "open", "0:42 reset"}]
    assert rows == ["websocket", "0:42 reset", "events", "open"]
    assert "1 of 2 long-lived connections ended early" in shown.text


@pytest.mark.parametrize(
    ("phases", "points", "words"),
    [
        ([], [], "Nothing was recorded"),
        (bands(60), [], "No request was sent in 1 min 00 s"),
        (bands(60), [*sent(60)], "600 requests in 1 min 00 s: none failed"),
        ([], [failed(0)], "1 request in 1.0 s: 1 failed"),
    ],
    ids=["nothing", "no request", "no failure", "only a failure"],
)
def test_missing_data_is_stated(phases: list[Band], points: list[Point], words: str) -> None:
    shown = drawing(timeline(phases, points))
    assert words in shown.text
    assert shown.collisions() == []


def test_run_without_requests_does_not_claim_no_failures() -> None:
    assert "no request failed" not in drawing(timeline(bands(60), [])).text


@pytest.mark.slow
def test_picture_of_300000_requests_stays_small() -> None:
    random_ = random.Random(1)
    points = [
        Point(BEGUN + n * 0.003, random_.uniform(0.001, 2), random_.random() < 0.9, f"way-{n % 2} get", "503")
        for n in range(300_000)
    ]
    assert len(timeline(bands(300, 300, 300), points)) < 300_000


def test_each_second_has_its_rate_and_nearest_rank_percentiles() -> None:
    points = [Point(BEGUN + n / 100, n / 1000, n != 99, "north-south get", "200") for n in range(100)]
    (first, second) = bins(points, BEGUN, BEGUN + 2)["north-south"]
    assert (first.rate, first.p50, first.p99) == (100 / BIN, 0.049, 0.098)
    assert (second.rate, second.p50) == (0, None), "nothing was sent: no latency, not a latency of 0"


def test_percentiles_of_one_value_are_that_value() -> None:
    assert [percentile([0.5], part) for part in (0.5, 0.99)] == [0.5, 0.5]


def test_outlying_latency_makes_the_axis_logarithmic() -> None:
    assert not latencies([0.002, 0.004], 100, 0).by_powers
    far = latencies([0.002] * 9 + [3.0], 100, 0)
    assert (far.least, far.most) == pytest.approx((0.001, 10))
    assert far.place(0.1) == pytest.approx(50)


def test_axes_have_round_values() -> None:
    assert ticks(130, 4) == [0, 50, 100]
    assert ticks(0, 4) == [0]
    assert time_ticks(870, 9) == [0, 120, 240, 360, 480, 600, 720, 840]
    assert [clock(5), clock(760), clock(3600), lasting(0.0025), lasting(1.5)] == [
        *("0:05", "12:40", "1:00:00", "2.5 ms", "1.5 s")
    ]


def test_pods_without_a_sidecar_are_shown_where_a_pod_was_created() -> None:
    pods = [Pod(BEGUN + 3, NO_SIDECAR, "refused 4 times"), Pod(BEGUN + 4, "refused at first", "reset")]
    shown = drawing(timeline(bands(5, 5), [*sent(10)], pods=pods))
    assert "1 pod got no sidecar" in shown.text
    assert {"pods created during the upgrade", NO_SIDECAR, "refused at first"} <= {
        each.text for each in shown.words
    }
    assert shown.collisions() == []


def test_upgrade_in_which_each_pod_got_its_sidecar_has_no_row_for_them() -> None:
    assert "pods created" not in drawing(timeline(bands(5, 5), [*sent(10)])).text
