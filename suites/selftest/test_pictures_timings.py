"""The chart of the stages' timings: one row a stage, parts told apart, nothing above anything else."""

import pytest

from fixtures.stages import STAGES
from reports.pictures.timings import VERDICTS, timings
from reports.summary import StageRecord
from suites.selftest.drawings import drawing


def stage(title: str, *, set_up: float = 1.0, tests: float = 2.0, clean_up: float = 0.0) -> StageRecord:
    seconds = set_up + tests + clean_up
    return StageRecord(title, title, tests=1, begun=1, seconds=seconds, set_up=set_up, clean_up=clean_up)


EVERY = [stage(each.title, tests=0.1 * number) for number, each in enumerate(STAGES)]


def test_each_stage_has_a_row_with_its_full_title() -> None:
    shown = drawing(timings(EVERY, seconds=120))
    assert {each.title for each in STAGES} <= {each.text for each in shown.words}
    assert shown.collisions() == []


def test_set_up_tests_and_clean_up_are_told_apart() -> None:
    shown = drawing(timings([stage("Cluster", set_up=12.5, tests=0.25, clean_up=3.0)], seconds=20))
    assert [tip.split(", ")[1] for tip in shown.tips] == ["set-up: 12.5 s", "tests: 0.2 s", "clean-up: 3.0 s"]
    assert (
        "1 stage, 15.8 s: 12.5 s set-up, 0.2 s tests, 3.0 s clean-up; 4.2 s outside the stages" in shown.text
    )


def test_a_stage_begins_where_the_one_before_ended() -> None:
    svg = timings([stage("one", set_up=0, tests=30), stage("two", set_up=0, tests=10)])
    bars = [each for each in drawing(svg).root if each.findtext("{http://www.w3.org/2000/svg}title")]
    (first, second) = [(float(bar.attrib["x"]), float(bar.attrib["width"])) for bar in bars]
    assert second[0] == pytest.approx(sum(first), abs=0.2)
    assert first[1] == pytest.approx(3 * second[1], abs=0.5)


def test_every_verdict_is_a_word_and_a_colour_of_its_own() -> None:
    stages = [StageRecord("x", f"stage {n}", verdict=word, seconds=1.0) for n, word in enumerate(VERDICTS)]
    shown = drawing(timings(stages))
    assert all(shown.text.count(word) == 2 for _, word in VERDICTS.values()), "in the legend and in its row"
    assert len({colour for colour, _ in VERDICTS.values()}) == len(VERDICTS)
    assert shown.collisions() == []


def test_a_stage_that_was_not_reached_has_a_row_and_no_bar() -> None:
    beyond = StageRecord("label", "Label", verdict="not reached")
    shown = drawing(timings([stage("Cluster"), beyond]))
    assert "not reached" in shown.text
    assert shown.marks("Label") == 0


def test_a_long_title_is_cut_and_whole_in_its_tooltip() -> None:
    title = "A stage that someone named with <b>great</b> care & at length, " * 3
    shown = drawing(timings([stage(title)]))
    (row,) = [each for each in shown.words if each.text.endswith("…")]
    assert row.tip == title.strip()
    assert shown.collisions() == []


@pytest.mark.parametrize(
    "stages", [[], [StageRecord("cluster", "Cluster", verdict="not reached")]], ids=["none", "one"]
)
def test_a_run_without_seconds_is_a_picture_too(stages: list[StageRecord]) -> None:
    shown = drawing(timings(stages))
    assert "No stage began" in shown.text or "not reached" in shown.text
    assert shown.collisions() == []
