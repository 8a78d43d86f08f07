"""The dashboards' queries: extraction, substitution, and evaluation of Prometheus' responses."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.checks.dashboards import (
    Answer,
    Excuse,
    Query,
    check_healthy,
    check_panels_show_data,
    check_served,
    check_understood,
    queries_in,
    series_with_values,
    substituted,
)
from fixtures.clients.prometheus import Prometheus
from fixtures.mesh.dashboards import Dashboards

ROWS = {
    "title": "Mesh",
    "rows": [{"panels": [{"title": "Old", "targets": [{"expr": "up"}]}]}],
    "panels": [
        {"title": "Text"},
        {"title": "Row", "panels": [{"title": "Rate", "targets": [{"expr": "x[$__rate_interval]"}, {}]}]},
    ],
}
EMPTY = Query("Mesh", "TCP", "tcp")
SHOWN = Query("Mesh", "HTTP", "http")


def dashboards(folder: Path, answer: dict[str, Any]) -> Dashboards:
    (folder / "mesh-dashboard.json").write_text(json.dumps(ROWS))
    (folder / "jsonnetfile.json").write_text("{}")
    prometheus = Prometheus(lambda _path, _query: json.dumps(answer))
    variables = {"__rate_interval": "30s"}
    return Dashboards(folder=folder, prometheus=prometheus, variables=variables, since=1.0)


def test_queries_are_found_in_old_and_new_row_formats() -> None:
    found = queries_in(ROWS, {"__rate_interval": "1m"})
    assert found == [Query("Mesh", "Rate", "x[1m]"), Query("Mesh", "Old", "up")]


def test_both_forms_of_a_variable_are_substituted() -> None:
    assert substituted('a{b=~"$one",c="${two}"}', {"one": "1", "two": "2"}) == 'a{b=~"1",c="2"}'


def test_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="unknown"):
        substituted("$unknown", {})


def test_series_of_only_nan_count_as_no_data() -> None:
    result = [{"values": [[1, "NaN"], [2, "NaN"]]}, {"values": [[1, "NaN"], [2, "0"]]}]
    assert series_with_values(result) == 1


def test_rejected_query_fails() -> None:
    with pytest.raises(AssertionError, match=r"rejects 1 of 2 queries: .*TCP.*: parse error"):
        check_understood([Answer(SHOWN, 1), Answer(EMPTY, 0, "parse error")])


def test_dashboard_without_queries_fails() -> None:
    with pytest.raises(AssertionError, match="there is no query"):
        check_understood([])


def test_panel_shows_data_if_one_of_its_queries_does() -> None:
    other = Query("Mesh", "HTTP", "another")
    assert check_panels_show_data([Answer(SHOWN, 0), Answer(other, 2)], ()) == ["Mesh: HTTP"]


def test_empty_panel_fails_with_its_query() -> None:
    with pytest.raises(AssertionError, match=r"1 of 2 panels are empty: \[\('Mesh', 'TCP'\)\].*'tcp'"):
        check_panels_show_data([Answer(SHOWN, 1), Answer(EMPTY, 0)], ())


@pytest.mark.parametrize("panels", [("TCP",), ()], ids=["by name", "the whole dashboard"])
def test_panel_that_may_be_empty_passes(panels: tuple[str, ...]) -> None:
    excuses = [Excuse("Mesh", panels, "no TCP traffic is sent")]
    assert check_panels_show_data([Answer(SHOWN, 1), Answer(EMPTY, 0)], excuses) == ["Mesh: HTTP"]


def test_queries_of_every_dashboard_run(tmp_path: Path) -> None:
    result = [{"metric": {}, "values": [[1, "2"]]}]
    answered = dashboards(tmp_path, {"status": "success", "data": {"result": result}}).answers()
    assert [(each.query.panel, each.series, each.refusal) for each in answered] == [
        ("Rate", 1, ""),
        ("Old", 1, ""),
    ]


@pytest.mark.parametrize(("values", "times"), [([[1, "2"]], 1), ([[1, "NaN"]], 2)], ids=["data", "none"])
def test_only_queries_without_data_are_repeated(tmp_path: Path, values: list[Any], times: int) -> None:
    answer = {"status": "success", "data": {"result": [{"metric": {}, "values": values}]}}
    asked: list[str] = []

    def read(_path: str, query: Mapping[str, str]) -> str:
        asked.append(query["query"])
        return json.dumps(answer)

    mine = replace(dashboards(tmp_path, answer), prometheus=Prometheus(read))
    assert [each.series for each in mine.answers()] == [each.series for each in mine.answers()]
    assert asked == ["x[30s]", "up"] * times


def test_rejection_is_recorded_with_its_query(tmp_path: Path) -> None:
    refused = {"status": "error", "errorType": "bad_data", "error": "parse error"}
    answered = dashboards(tmp_path, refused).answers()
    assert all("bad_data: parse error" in each.refusal for each in answered)


def test_served_dashboards_pass_among_others() -> None:
    check_served({"Node": {}, "Mesh": {"panels": [{"title": "HTTP"}]}}, ["Mesh"])


@pytest.mark.parametrize(
    ("served", "expected", "told"),
    [
        ({"Node": {}}, ["Mesh"], r"not \['Mesh'\]"),
        ({"Node": {}}, [], "no dashboard is expected"),
        ({"Mesh": {"panels": []}}, ["Mesh"], r"loads \['Mesh'\] without a panel"),
    ],
    ids=["missing", "none expected", "empty"],
)
def test_dashboards_that_grafana_does_not_serve_fail(
    served: dict[str, Any], expected: list[str], told: str
) -> None:
    with pytest.raises(AssertionError, match=told):
        check_served(served, expected)


@pytest.mark.parametrize("health", [{"database": "failing"}, {}], ids=["failing", "no answer"])
def test_grafana_without_a_working_database_fails(health: dict[str, Any]) -> None:
    """Anything but Grafana's own `ok` is unhealthy."""
    check_healthy({"database": "ok", "version": "12.0.0"})
    with pytest.raises(AssertionError, match="Grafana's health is"):
        check_healthy(health)
