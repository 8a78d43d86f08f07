"""The data of the users' inputs: each case has its files and an expectation that a run can meet."""

import re
from typing import Any

import pytest

from fixtures.causes import CAUSES
from fixtures.declaration import declared_in
from fixtures.manifests import ManifestError, Manifests
from fixtures.stages import STAGES
from suites.lab.test_cases import CASES, HERE, REFUSED, SHOWN

TITLES = {stage.title for stage in STAGES}


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_case_is_complete(case: Any) -> None:
    assert case["shapes"]
    manifests = Manifests.checked(HERE / "cases" / case["case"])
    if case["outcome"] == REFUSED:
        with pytest.raises(ManifestError, match=re.escape(case["words"])):
            declared_in(manifests)
        return
    declared_in(manifests)
    assert case["outcome"] in {"passed", *SHOWN}
    if case["outcome"] != "passed":
        assert case["stage"] in TITLES
        assert case["cause"] in {cause.name for cause in CAUSES}


def test_each_folder_of_files_is_a_case() -> None:
    folders = {path.name for path in (HERE / "cases").iterdir()}
    assert folders == {case["case"] for case in CASES}
