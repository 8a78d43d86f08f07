"""Release notes beside a diff: matched notes, unmatched notes, and changes that no note explains."""

from pathlib import Path
from typing import Any

import pytest

from fixtures.ledger import release_notes
from fixtures.ledger.difference import diff
from fixtures.ledger.ledger import Ledger
from fixtures.ledger.release_notes import Comparison, Note, words_of_code
from fixtures.ledger.render import notes_text
from suites.command import ledger as program
from suites.selftest.test_ledger import KEY
from suites.selftest.test_ledger_diff import OLD

BREAKERS = """apiVersion: release-notes/v2
area: traffic-management
releaseNotes:
- |
  **Added** a flag `DISABLE_TRACK_REMAINING_CB_METRICS`.
upgradeNotes:
- title: Circuit breaker metrics tracking
  content: This affects the `TrackRemaining` field.
"""
FLAG = "area: istioctl\nreleaseNotes:\n- |\n  **Added** `--wait` flag to `istioctl waypoint status`.\n"
WORDLESS = "area: security\nreleaseNotes:\n- '**Fixed** a crash.'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "notes"
    made.mkdir()
    for name, text in (("breakers", BREAKERS), ("flag", FLAG), ("wordless", WORDLESS)):
        (made / f"{name}.yaml").write_text(text)
    return made


def test_code_words_are_quoted_or_look_like_code() -> None:
    text = (
        "`statsCompression: false`, PILOT_X=true, the --wait flag or sidecar.istio.io/inject; true as ever."
    )
    assert words_of_code(text) == {
        "statscompressionfalse": "statsCompression: false",
        "statscompression": "statsCompression",
        "pilotx": "PILOT_X",
        "wait": "--wait",
        "sidecaristioioinject": "sidecar.istio.io/inject",
        "inject": "inject",
    }


def test_notes_identical_in_the_older_release_are_left_out(folder: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    (older / "breakers.yaml").write_text(BREAKERS)
    (older / "flag.yaml").write_text(FLAG.replace("Added", "Fixed"))
    read, unreadable = release_notes.read(folder, older)
    assert [(each.file, each.reworded) for each in read] == [("flag.yaml", True), ("wordless.yaml", False)]
    assert unreadable == []


def test_file_that_is_no_note_is_named(folder: Path) -> None:
    (folder / "broken.yaml").write_text("releaseNotes: [")
    (folder / "other.yaml").write_text("apiVersion: v1\n---\nkind: none\n")
    read, unreadable = release_notes.read(folder)
    assert len(read) == 3
    assert unreadable == ["broken.yaml", "other.yaml"]


def test_title_is_the_upgrade_note_or_the_first_sentence(folder: Path) -> None:
    titles = {each.file: each.title for each in release_notes.read(folder)[0]}
    assert titles["breakers.yaml"] == "Circuit breaker metrics tracking"
    assert titles["wordless.yaml"] == "**Fixed** a crash."


def comparison(before: dict[str, Any], after: dict[str, Any], *given: Note) -> Comparison:
    old, new = Ledger(OLD, before), Ledger(KEY, after)
    return release_notes.compare(old, new, diff(old, new), given, ())


def note(text: str) -> Note:
    return Note("n.yaml", "telemetry", text, upgrade=False, words=words_of_code(text))


def test_note_matches_by_a_word_that_only_one_version_knows() -> None:
    found = comparison(
        {"clusters": {"a": {"track_remaining": True}}}, {"clusters": {"a": {}}}, note("`TrackRemaining`")
    )
    assert [words for _, words in found.notes[0].changes] == [("TrackRemaining",)]
    assert found.unmentioned == []


def test_setting_with_another_default_matches_by_its_name() -> None:
    before, after = {"settings": {"PILOT_X": "false"}}, {"settings": {"PILOT_X": "true"}}
    assert comparison(before, after, note("PILOT_X is on")).notes[0].changes


def test_word_that_both_versions_know_does_not_match() -> None:
    before = {"commands": {"tag": ["--wait"], "install": []}}
    after = {"commands": {"tag": ["--wait"], "install": ["--wait"]}}
    found = comparison(before, after, note("**Added** `--wait` to `istioctl waypoint`"))
    assert found.notes[0].changes == []
    assert found.notes[0].unchanged == ("--wait",)
    assert len(found.unmentioned) == 1


def test_word_removed_from_a_list_matches_though_others_have_it() -> None:
    before = {"pods": {"istiod": ["GOMEMLIMIT", "POD_NAME"], "sidecar": ["GOMEMLIMIT"]}}
    after = {"pods": {"istiod": ["POD_NAME"], "sidecar": ["GOMEMLIMIT"]}}
    found = comparison(before, after, note("istiod sets `GOMEMLIMIT` itself"))
    assert [words for _, words in found.notes[0].changes] == [("GOMEMLIMIT",)]


def test_two_words_in_one_change_match() -> None:
    before = {"commands": {"istioctl tag": ["--wait"], "istioctl waypoint status": []}}
    after = {"commands": {"istioctl tag": ["--wait"], "istioctl waypoint status": ["--wait"]}}
    found = comparison(before, after, note("**Added** `--wait` flag to `istioctl waypoint status`"))
    assert [words for _, words in found.notes[0].changes] == [("--wait", "istioctl waypoint status")]


def test_text_lists_matched_unmatched_and_unexplained(folder: Path) -> None:
    before = {"clusters": {"a": {"track_remaining": True}, "b": {"track_remaining": True}}, "settings": {}}
    after = {"clusters": {"a": {}, "b": {}}, "settings": {"PILOT_NEW": "1"}}
    text = notes_text(comparison(before, after, *release_notes.read(folder)[0]))
    seen, unseen, untold = (
        text.index(part) for part in ("Seen in the diff (1)", "Not visible", "in no note (1)")
    )
    assert seen < text.index("! Circuit breaker") < text.index("[2 places]  (TrackRemaining)") < unseen
    assert unseen < text.index("[contains no code word]") < untold < text.index("+ settings/PILOT_NEW")


def test_notes_command_compares_two_ledgers_with_a_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (
        Ledger(OLD, {"settings": {}}),
        Ledger(KEY, {"settings": {"DISABLE_TRACK_REMAINING_CB_METRICS": "on"}}),
    )
    files = [str(each.write(tmp_path)) for each in (old, new)]
    assert program.main(["notes", *files, str(folder)]) == 0
    assert "(DISABLE_TRACK_REMAINING_CB_METRICS)" in capsys.readouterr().out
    assert program.main(["notes", *files, str(tmp_path / "nothing")]) == 2
