"""One issue while the nightly is red, against an API server on loopback that keeps issues."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from suites.nightly import __main__ as nightly
from suites.nightly import gather, issue
from suites.nightly.gather import Entry
from suites.nightly.github import ApiError, Repository
from suites.nightly.results import Result
from suites.selftest import fake_github
from suites.selftest.fake_github import NAME, TOKEN, Github

URL = "https://github.invalid/owner/project/actions/runs/7"
CELLS = [f"run-{number}" for number in range(9)]


@pytest.fixture
def github() -> Iterator[Github]:
    with fake_github.serving() as serving:
        yield serving


def red(cell: str, kind: str = "mesh", stage: str = "gateway", nights: int = 1, **more: str) -> Entry:
    cause = more.get("cause", "selector matches no gateway pod")
    result = Result(
        cell, kind, 1, stage, cause, "istio-conformance run --istio-version=1.31.0", f"report-{cell}"
    )
    return Entry(result, nights, more.get("since", "2026-11-26"), "a" * 40, "b" * 40)


def night(*failed: Entry) -> list[Entry]:
    found = {each.result.cell: each for each in failed}
    return [found.get(cell, Entry(Result(cell, "green", 0))) for cell in CELLS]


def update(github: Github, *failed: Entry) -> str:
    return issue.update(Repository(github.url, NAME, TOKEN), night(*failed), URL)


def test_red_night_opens_one_issue_with_everything_a_reader_needs(github: Github) -> None:
    update(github, red("run-1"), red("run-2", since="2026-11-25"))
    assert [each["title"] for each in github.issues] == ["Nightly red: 2 of 9 cells since 2026-11-25"]
    body = github.issues[0]["body"]
    assert body.startswith("<!-- istio-conformance-nightly ")
    for part in (
        "run-1",
        "gateway",
        "mesh",
        "selector matches no gateway pod",
        "a" * 12,
        "b" * 12,
        "report-run-1",
        "    istio-conformance run --istio-version=1.31.0",
        URL,
    ):
        assert part in body
    assert "run-3" not in body
    assert github.comments == []


def test_second_night_of_the_same_failure_rewrites_the_body_without_a_comment(github: Github) -> None:
    update(github, red("run-1"))
    told = update(github, red("run-1", nights=2, cause="another cause"))
    assert told == "rewrote issue 1, nothing changed"
    assert "another cause" in github.issues[0]["body"]
    assert (len(github.issues), github.comments) == (1, [])


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ((red("run-1"), red("run-2")), "run-2 is red: mesh: gateway"),
        ((red("run-1", stage="mtls"),), "run-1 fails in another way: mesh: mtls"),
        ((red("run-1", kind="missing", stage=""),), "run-1 fails in another way: missing"),
        ((red("run-2"),), "run-1 is green again"),
    ],
)
def test_change_is_commented_once(github: Github, now: tuple[Entry, ...], words: str) -> None:
    update(github, red("run-1"))
    update(github, *now)
    update(github, *now)
    assert len(github.comments) == 1
    assert words in github.comments[0][1]


@pytest.mark.parametrize("kind", ["environment", "not enough evidence"])
def test_environment_and_missing_evidence_count_from_the_second_night(github: Github, kind: str) -> None:
    update(github, red("run-1", kind))
    assert github.issues == []
    update(github, red("run-1", kind, nights=2))
    assert github.issues[0]["title"] == "Nightly red: 1 of 9 cells since 2026-11-26"


def test_missing_cell_counts_at_once(github: Github) -> None:
    update(github, red("run-1", "missing", ""))
    assert len(github.issues) == 1


def test_issue_is_closed_only_when_every_cell_is_green(github: Github) -> None:
    update(github, red("run-1"))
    update(github, red("run-2", "environment"))
    assert github.issues[0]["state"] == "open"
    assert github.issues[0]["title"] == "Nightly red: 0 of 9 cells, 1 to confirm, since 2026-11-26"
    assert update(github) == "closed issue 1"
    assert github.issues[0]["state"] == "closed"
    assert "All 9 cells are green" in github.comments[-1][1]


def test_next_red_period_opens_a_new_issue(github: Github) -> None:
    update(github, red("run-1"))
    update(github)
    update(github, red("run-1"))
    assert [each["state"] for each in github.issues] == ["closed", "open"]


def test_green_night_without_an_issue_writes_nothing(github: Github) -> None:
    update(github)
    assert [call for call in github.calls if not call.startswith("GET")] == []


def test_marker_of_another_author_or_a_pull_request_is_not_taken_for_the_issue(github: Github) -> None:
    github.opened("<!-- istio-conformance-nightly [] -->", author="someone")
    github.opened("<!-- istio-conformance-nightly [] -->", pull_request={})
    github.opened("text first <!-- istio-conformance-nightly [] -->")
    update(github, red("run-1"))
    assert [each["body"] for each in github.issues[:2]] == ["<!-- istio-conformance-nightly [] -->"] * 2
    assert len(github.issues) == 4


def test_issue_on_a_later_page_is_found(github: Github) -> None:
    for _ in range(5):
        github.opened("another issue")
    update(github, red("run-1"))
    assert update(github, red("run-1")) == "rewrote issue 6, nothing changed"


def test_texts_of_a_failure_cannot_end_the_marker_or_mention_anyone(github: Github) -> None:
    evil = "x --> @owner | <img src=y> `z` [a](b)"
    update(github, red("run-1", stage=evil, cause=evil))
    assert update(github, red("run-1", stage=evil, cause=evil)) == "rewrote issue 1, nothing changed"
    marker, _, rest = github.issues[0]["body"].partition("\n")
    assert marker.endswith("]] -->")
    assert marker.count("-->") == 1
    assert [part for part in ("@owner", "<img", "`z`", "[a](") if part in rest] == []


def test_refused_call_is_an_error_that_names_the_call(github: Github) -> None:
    with pytest.raises(ApiError, match="GET issues: 404"):
        issue.update(Repository(github.url, NAME, "wrong"), night(red("run-1")), URL)


def test_command_writes_the_issue_from_the_gathered_file(
    github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather.save(night(red("run-1")), tmp_path / "nightly.json")
    runner(monkeypatch, github)
    assert nightly.main(["issue", str(tmp_path / "nightly.json")]) == 0
    assert "https://github.invalid/owner/project/actions/runs/7" in github.issues[0]["body"]


def test_command_without_a_token_or_cells_says_what_to_do(
    github: Github, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nightly.json").write_text("{}")
    runner(monkeypatch, github)
    assert nightly.main(["issue", str(tmp_path / "nightly.json")]) == 1
    assert "did the job `gather` end?" in capsys.readouterr().err
    gather.save(night(red("run-1")), tmp_path / "nightly.json")
    monkeypatch.delenv("GITHUB_TOKEN")
    assert nightly.main(["issue", str(tmp_path / "nightly.json")]) == 1
    assert "GITHUB_TOKEN must be set" in capsys.readouterr().err


def runner(monkeypatch: pytest.MonkeyPatch, github: Github) -> None:
    variables = {"API_URL": github.url, "REPOSITORY": NAME, "TOKEN": TOKEN, "RUN_ID": "7"}
    for name, value in {**variables, "SERVER_URL": "https://github.invalid"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)


def test_history_comes_from_the_newest_artifact_of_the_branch(github: Github, tmp_path: Path) -> None:
    first = gather.carry_on([Result("run-1", "mesh")], {}, commit="c1", date="2026-11-26")
    github.uploaded({"nightly.json": "{}"}, branch="other")
    gather.save(first, tmp_path / "nightly.json")
    github.uploaded({"nightly.json": (tmp_path / "nightly.json").read_text()})
    github.uploaded({"nightly.json": "{}"}, branch="a-pull-request")
    github.uploaded({"nightly.json": "{}"}, expired=True)
    github.uploaded({"nightly.json": "{}"}, fork=True)
    found = Repository(github.url, NAME, TOKEN).last_artifact("nightly", "main")["nightly.json"]
    assert list(gather.load(found).values()) == first
    assert (
        replace(first[0], nights=2)
        == gather.carry_on([Result("run-1", "mesh")], gather.load(found), commit="c2", date="2026-11-27")[0]
    )
