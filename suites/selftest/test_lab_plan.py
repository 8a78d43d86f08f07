"""Which Istio versions a lab is built with: those of the run, unless a lab with more is built already."""

from pathlib import Path

import pytest

from lab.archive import _checked, _entries
from lab.build import NODE_ARCHIVE, Plan, plan, plans
from lab.errors import LabError
from lab.sources import versions_of
from suites.selftest.test_lab_import import complete_archive, write_archive

OLDER, NEWEST = versions_of("istio")[0], versions_of("istio")[-1]


def _build(wanted: Plan) -> None:
    def write(folder: Path) -> None:
        (folder / NODE_ARCHIVE).write_text("whole")

    wanted.node.make(write, print)


def test_lab_of_the_newest_istio_needs_no_other(tmp_path: Path) -> None:
    wanted = plan(tmp_path, istio=[NEWEST])
    assert wanted.istio_versions == [NEWEST]
    assert f"istio-{OLDER}" not in wanted.programs
    assert f"istioctl-{OLDER}" not in wanted.tools()


def test_older_istio_is_added_for_a_run_with_it(tmp_path: Path) -> None:
    _build(plan(tmp_path, istio=[NEWEST]))
    wanted = plan(tmp_path, istio=[OLDER])
    assert wanted.istio_versions == [OLDER, NEWEST]
    assert not wanted.has_node()


def test_each_choice_of_versions_has_a_node_image_of_its_own(tmp_path: Path) -> None:
    known = plans(tmp_path)
    assert len({each.node.key for each in known}) == len(known)
    assert known[0].istio_versions == versions_of("istio")
    assert known[-1].istio_versions == [NEWEST]


def test_built_lab_with_more_versions_is_used(tmp_path: Path) -> None:
    _build(plan(tmp_path))
    assert plan(tmp_path, istio=[NEWEST]).istio_versions == versions_of("istio")


def test_torn_node_image_with_more_versions_is_not_used(tmp_path: Path) -> None:
    everything = plan(tmp_path)
    _build(everything)
    (everything.node.path / NODE_ARCHIVE).write_text("torn")
    assert plan(tmp_path, istio=[NEWEST]).istio_versions == [NEWEST]


def test_unknown_version_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"the lab has no Istio 9\.9\.9; it has 1\.30\.4, 1\.31\.0"):
        plan(tmp_path, istio=["9.9.9"])


@pytest.mark.parametrize("versions", [[NEWEST], versions_of("istio")], ids=len)
def test_archive_is_recognised_by_its_versions(tmp_path: Path, versions: list[str]) -> None:
    exported = plan(tmp_path, istio=versions)
    file = write_archive(tmp_path / "lab.tar", complete_archive(tmp_path, versions))
    found, _ = _checked(file, plans(tmp_path))
    assert [entry.path for entry in _entries(found)] == [entry.path for entry in _entries(exported)]
