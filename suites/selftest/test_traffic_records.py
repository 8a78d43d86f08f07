"""The generator's records, phases, and the parsing of logs."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import traffic
from fixtures.traffic.records import NothingSent, Record, StreamSession, Summary, read
from fixtures.traffic.streams import streams
from fixtures.upgrade.judging.log_entries import app_entries, proxy_entries
from fixtures.upgrade.judging.phases import OUTSIDE, Phase, PhasesOverlap, Removal, phase_of

RECORD = Record("r-0-1", "north-south get new", 1700000000.25, 0.002, "200", "new", 0.0005)
HELD = StreamSession(
    "north-south events", "events", "north-south", 1700000000.0, None, "open", 4, 0.21, 0, 1700000004.0
)
SUMMARY = Summary(1700000000.0, 1700000060.0, "SIGTERM", {"north-south get new": 1}, 0.0004, 0.002, 0.1, 9)
ACCESS = {
    "path": "/echo?id=r-0-1&hold_ms=110",
    "user_agent": "istio-conformance",
    "request_id": "9f0c",
    "response_code": 503,
    "response_flags": "UF,URX",
    "start_time": "2023-11-14T22:13:20.250Z",
    "attempts": "3",
    "duration": 12,
    "upstream_host": "10.244.0.9:8080",
}
PLACE = {"pod": "gateway-1", "role": "gateway", "version": "1.28.2"}


def test_records_are_read_back_as_written() -> None:
    result = read([RECORD.line(), HELD.line(), SUMMARY.line()])
    assert (result.records, result.held, result.summary, result.ignored) == ((RECORD,), (HELD,), SUMMARY, 0)


def test_long_stream_has_its_latest_state_and_one_record_per_connection() -> None:
    later = replace(HELD, ended=1700000009.0, end="reset", messages=44)
    second = replace(HELD, start=1700000010.0, reconnects=1)
    assert read([RECORD.line(), HELD.line(), later.line(), second.line()]).held == (later, second)
    assert (later.broken, second.broken) == (True, False)


def test_foreign_and_truncated_lines_are_counted_and_a_missing_summary_is_none() -> None:
    result = read(["warning: something", RECORD.line(), '{"id": "x"}', RECORD.line()[:40], "\n"])
    assert (len(result.records), result.ignored, result.summary) == (1, 3, None)


def test_result_without_a_request_is_refused() -> None:
    with pytest.raises(NothingSent, match=r"no request .* \(1 other lines\)"):
        read([HELD.line(), "nonsense"])


@pytest.mark.parametrize(
    ("outcome", "status"), [("200", 200), ("503", 503), ("reset", None), ("empty reply", None)]
)
def test_only_a_complete_response_has_a_status(outcome: str, status: int | None) -> None:
    assert replace(RECORD, outcome=outcome).status == status


def test_each_direction_sends_a_hundred_allowed_and_ten_denied_requests() -> None:
    sent = streams("east-west")
    assert sum(stream.rate for stream in sent if stream.expected == "200") >= 100
    assert [stream.rate for stream in sent if stream.expected == "403"] == [10]
    assert len({stream.name for stream in (*sent, *streams("north-south"))}) == 8


def test_time_belongs_to_the_phase_that_contains_it() -> None:
    name = phase_of([Phase("after", "", 20, 30, 5), Phase("before", "", 0, 10, 5)])
    assert [name(moment) for moment in (-1, 0, 9.9, 10, 15, 20, 30)] == [
        OUTSIDE, "before", "before", OUTSIDE, OUTSIDE, "after", OUTSIDE
    ]  # fmt: skip


def test_overlapping_phases_are_refused() -> None:
    with pytest.raises(PhasesOverlap, match=r"phase gateway begins 1.000 s before phase before ends"):
        phase_of([Phase("before", "", 0, 10, 5), Phase("gateway", "", 9, 20, 5)])


def test_long_stream_ends_with_its_pod_only_in_its_direction_and_phase() -> None:
    removal, phase = Removal("gateway-1", ("north-south",), 2, 4), Phase("gateway", "", 0, 10, 5)
    ended = replace(HELD, ended=5.0, end="closed")
    assert removal.explains(ended, within=phase)
    assert not removal.explains(replace(ended, direction="east-west"), within=phase)
    assert not removal.explains(ended, within=Phase("after", "", 4, 10, 5))
    assert not removal.explains(replace(ended, messages=0), within=phase)


def test_access_log_is_read_by_the_id_in_the_path() -> None:
    other = json.dumps(ACCESS | {"path": "/healthz"})
    (entry,) = proxy_entries(["Envoy starts", other, json.dumps(ACCESS), json.dumps(ACCESS)[:50]], **PLACE)
    assert (entry.id, entry.start, entry.code, entry.flags) == ("r-0-1", 1700000000.25, 503, "UF,URX")
    assert (entry.attempts, entry.seconds, entry.upstream) == (3, 0.012, "10.244.0.9:8080")
    assert (entry.pod, entry.role, entry.version) == ("gateway-1", "gateway", "1.28.2")


@pytest.mark.parametrize("nothing", ["-", "", None])
def test_envoys_placeholder_for_nothing_is_none(nothing: str | None) -> None:
    names = ("response_code", "response_flags", "attempts", "duration", "upstream_host", "start_time")
    (entry,) = proxy_entries([json.dumps(ACCESS | dict.fromkeys(names, nothing))], **PLACE)
    assert (entry.code, entry.flags, entry.attempts, entry.seconds, entry.upstream) == (0, "", 0, 0, "")


def test_app_log_is_read_by_its_ids() -> None:
    line = '{"id": "r-0-1", "method": "POST", "path": "/echo?id=r-0-1", "time": 1700000000.3}'
    (entry,) = app_entries(['{"listening": {"http": 8080}}', line, "Traceback"], pod="app-1")
    assert (entry.id, entry.method, entry.time, entry.pod) == ("r-0-1", "POST", 1700000000.3, "app-1")


@pytest.mark.parametrize("program", ["fixtures.traffic", "fixtures.traffic.app"])
def test_traffic_package_runs_with_only_the_standard_library(tmp_path: Path, program: str) -> None:
    source = Path(traffic.__file__).parent
    mounted = tmp_path / "fixtures" / "traffic"
    mounted.mkdir(parents=True)
    for file in source.glob("*.py"):
        shutil.copy(file, mounted)
    command = [sys.executable, "-S", "-m", program, "--help"]
    ran = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"usage: python -m {program}")


def test_traffic_package_fits_into_a_config_map() -> None:
    files = list(Path(traffic.__file__).parent.iterdir())
    assert [file.name for file in files if file.is_dir()] in ([], ["__pycache__"])
    assert sum(file.stat().st_size for file in files if file.suffix == ".py") < 900_000
