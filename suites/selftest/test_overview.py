"""Attachments of the whole run are ordered and form the head of the page."""

import json
from pathlib import Path

import pytest

from reports import overview, page
from reports.errors import ReportError
from reports.pictures.timings import timings

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><rect width="1"><title>tip</title></rect></svg>'


def attach(results: Path, name: str, content: str, *, at: int = 1, kind: str = "text/plain") -> None:
    source = f"{len([*results.iterdir()])}-attachment"
    (results / source).write_text(content)
    given = {"name": name, "source": source, "type": kind, "timestamp": at}
    (results / f"{source}-globals.json").write_text(json.dumps({"attachments": [given]}))


def shown(every: list[overview.Given]) -> str:
    return overview.pictures(every) + overview.folds(every)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Stand-ins attached at one moment, the tenth first; the picture was attached earlier."""
    folder = tmp_path / "results"
    folder.mkdir()
    for number in (10, 2, 1):
        attach(folder, f"stand-in {number}: Envoy <plain> {number}", "same", at=2)
    attach(folder, "how long each stage took", SVG, kind="image/svg+xml")
    return folder


def test_attachments_are_ordered_by_time_then_by_number(results: Path) -> None:
    names = [each.name.split(":")[0] for each in overview.given(results)]
    assert names == ["how long each stage took", "stand-in 1", "stand-in 2", "stand-in 10"]


def test_allure_gets_one_ordered_file_and_the_rest_unchanged(results: Path, tmp_path: Path) -> None:
    ordered = overview.prepared(results, tmp_path / "ordered")
    assert overview.given(ordered) == [
        overview.Given(each.name, ordered / each.source.name, each.type) for each in overview.given(results)
    ]
    assert len([*ordered.glob("*-globals.json")]) == 1
    assert {path.name for path in results.glob("*-attachment")} <= {path.name for path in ordered.iterdir()}


def test_teardown_is_shown_only_if_it_exists_or_failed(results: Path, tmp_path: Path) -> None:
    steps = [("cluster::1", "passed"), ("names::<lambda>", None), ("kube::<lambda>", "broken")]
    afters = [{"name": name, "status": status} for name, status in steps]
    (results / "a-container.json").write_text(json.dumps({"befores": [], "afters": afters}))
    shown = json.loads((overview.prepared(results, tmp_path / "shown") / "a-container.json").read_text())
    assert [step["name"] for step in shown["afters"]] == ["cluster::1", "kube::<lambda>"]


def test_the_head_shows_pictures_with_tooltips_and_stand_ins_as_one_list(results: Path) -> None:
    head = shown(overview.given(results))
    assert head.count("<details>") == 2
    assert "<summary>How long each stage took</summary><svg" in head
    assert "<title>tip</title>" in head
    assert "<li>Envoy &lt;plain&gt; 1</li><li>Envoy &lt;plain&gt; 2</li>" in head


@pytest.mark.parametrize(
    "svg",
    [
        SVG.replace("<rect", "<script>alert(1)</script><rect"),
        SVG.replace("<rect", '<rect onload="alert(1)"'),
        SVG.replace("<rect", '<a href="javascript:alert(1)"/><rect'),
        f'<!DOCTYPE svg [<!ENTITY a "b">]>{SVG}',
        "no picture",
    ],
    ids=["script", "event", "link", "entity", "broken"],
)
def test_svg_with_more_than_shapes_is_embedded_as_an_inert_image(tmp_path: Path, svg: str) -> None:
    attach(tmp_path, "picture", svg, kind="image/svg+xml")
    head = shown(overview.given(tmp_path))
    assert '<img alt="picture" src="data:image/svg+xml;base64,' in head
    assert "alert" not in head


def test_projects_pictures_are_inlined_in_the_page(tmp_path: Path) -> None:
    attach(tmp_path, "picture", timings([]), kind="image/svg+xml")
    assert "<svg" in shown(overview.given(tmp_path))


def test_long_text_is_truncated_and_says_so(tmp_path: Path) -> None:
    attach(tmp_path, "verdict", "safe\n" * 10_000)
    head = shown(overview.given(tmp_path))
    assert len(head) < 2 * overview.LONGEST
    assert "more characters" in head


def test_run_without_attachments_has_no_head(tmp_path: Path) -> None:
    assert shown(overview.given(tmp_path)) == ""
    assert overview.prepared(tmp_path, tmp_path / "ordered").is_dir()


def test_head_is_first_in_the_body() -> None:
    assert page.with_head("<html><body><p>", "<b>") == "<html><body><b><p>"
    with pytest.raises(ReportError, match="has no body"):
        page.with_head("<html>", "<b>")


def test_verdict_is_first_and_expanded(results: Path) -> None:
    attach(results, overview.VERDICT, "verdict: safe", at=9)
    every = overview.given(results)
    assert every[0].name == overview.VERDICT
    head = overview.folds(every)
    assert head.count("<details open>") == 1
    assert "<details open><summary>Verdict</summary><pre>verdict: safe" in head
    assert "<details open>" not in overview.folds(every, answered=True)


@pytest.mark.parametrize("name", ["in-place, second by second", "the mesh before and after injection"])
def test_picture_of_the_answer_is_unfolded(tmp_path: Path, name: str) -> None:
    attach(tmp_path, name, SVG, kind="image/svg+xml")
    assert "<details open>" in overview.pictures(overview.given(tmp_path))


def test_evidence_of_what_failed_is_unfolded(tmp_path: Path) -> None:
    every = [
        overview.Given(name, written(tmp_path, name), "text/plain") for name in ("canary: timeline", "other")
    ]
    head = overview.folds(every, answered=True, evidence=["canary: timeline"])
    assert "<details open><summary>Canary: timeline</summary>" in head
    assert "<details><summary>Other</summary>" in head


def written(folder: Path, name: str) -> Path:
    """A file with this text."""
    (folder / name).write_text(name)
    return folder / name
