"""The summary in the terminal, readable in ten seconds."""

from reports.summary import StageRecord, lines


def rendered(*stages: StageRecord, width: int = 100) -> list[str]:
    return list(lines(stages, seconds=61.4, places={"results": "reports/results"}, width=width))


def test_stage_is_one_line_with_verdict_seconds_and_observation() -> None:
    stage = StageRecord("gateway", "Gateway", tests=2, seconds=1.26, seen=["404", "empty body"])
    assert rendered(stage)[0] == "pass  Gateway    1.3 s  404; empty body"


def test_failure_is_shown_on_separate_lines() -> None:
    stage = StageRecord("gateway", "Gateway", tests=1, seconds=30.0)
    stage.worsen("product", "404 at the ingress: not so\n  likely cause: no listener")
    first, second = rendered(stage)[:2]
    assert first == "FAIL  Gateway   30.0 s  404 at the ingress: not so"
    assert second.strip() == "likely cause: no listener"


def test_worst_verdict_wins() -> None:
    stage = StageRecord("gateway", "Gateway")
    stage.worsen("environment", "Insufficient cpu")
    stage.worsen("skipped", "not here")
    assert (stage.verdict, stage.reason) == ("environment", "Insufficient cpu")


def test_counts_distinguish_the_kinds_of_failure() -> None:
    broken = StageRecord("gateway", "Gateway", verdict="environment", reason="x")
    beyond = StageRecord("metrics", "Metrics", verdict="not reached", reason="not reached because of Gateway")
    count = rendered(broken, beyond)[-2]
    assert count.startswith("2 stages in 1 min 01 s: 1 not reached, 1 failed (the environment broke")


def test_no_stage_is_wider_than_the_terminal() -> None:
    stage = StageRecord("gateway", "Gateway", seen=["long " * 50])
    assert max(map(len, rendered(stage, width=80)[:1])) == 80


def test_path_of_the_report_is_the_last_line() -> None:
    assert rendered()[-1] == "results: reports/results"


def test_stage_with_a_skipped_test_passes_and_shows_what_was_not_tested() -> None:
    stage = StageRecord("graph", "Graph", tests=2, seconds=1.0, seen=["one edge"])
    stage.skip("there is no Grafana")
    stage.settle()
    assert rendered(stage)[0] == "pass  Graph    1.0 s  one edge; not tested: there is no Grafana"


def test_stage_with_only_skipped_tests_is_skipped() -> None:
    stage = StageRecord("graph", "Graph", tests=1)
    stage.skip("there is no gateway in this profile")
    stage.settle()
    assert (stage.verdict, stage.reason) == ("skipped", "there is no gateway in this profile")
