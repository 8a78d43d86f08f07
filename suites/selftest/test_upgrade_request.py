"""Which upgrades can be requested."""

from pathlib import Path

import pytest

from fixtures.settings import UnknownName
from fixtures.upgrade.request import (
    STRATEGIES,
    Upgrade,
    UpgradeRefused,
    check_versions,
    revision_of,
    version_before,
    version_of,
)

KNOWN = ["1.26.0", "1.27.1", "1.28.2", "1.29.1", "1.30.0"]


def test_versions_are_compared_by_their_numbers() -> None:
    assert version_of("1.9.3") < version_of("1.10.0")
    assert version_of("1.31.0-rc.1") < version_of("1.31.0")


@pytest.mark.parametrize("text", ["1.29", "1.29.1.4", "latest", "1.29.x", ""])
def test_invalid_version_is_refused(text: str) -> None:
    with pytest.raises(UpgradeRefused, match="three numbers"):
        version_of(text)


@pytest.mark.parametrize(("old", "new"), [("1.28.2", "1.29.1"), ("1.29.1", "1.29.1")])
def test_same_and_next_minor_version_are_supported_by_both(old: str, new: str) -> None:
    check_versions(old, new, KNOWN, STRATEGIES)


def test_downgrade_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(UpgradeRefused, match=r"--from 1\.28\.2 --to 1\.29\.1"):
        check_versions("1.29.1", "1.28.2", KNOWN, ["canary"])


def test_two_minor_versions_are_supported_only_by_canary() -> None:
    check_versions("1.27.1", "1.29.1", KNOWN, ["canary"])
    with pytest.raises(UpgradeRefused, match=r"--strategy canary alone, or upgrade to a 1\.28 release first"):
        check_versions("1.27.1", "1.29.1", KNOWN, STRATEGIES)


def test_three_minor_versions_are_refused() -> None:
    with pytest.raises(
        UpgradeRefused, match=r"Istio supports 2 with canary: upgrade to a 1\.28 release first"
    ):
        check_versions("1.26.0", "1.29.1", KNOWN, ["canary"])


def test_unknown_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"no Istio version named .1\.28\.1."):
        check_versions("1.28.1", "1.29.1", KNOWN, STRATEGIES)


def test_default_start_is_the_newest_version_of_the_minor_version_before() -> None:
    assert version_before("1.30.0", [*KNOWN[:-1], "1.29.4", "1.30.0", "1.30.1"]) == "1.29.4"


def test_default_start_without_an_earlier_minor_version_is_refused() -> None:
    with pytest.raises(UpgradeRefused, match=r"no version before 1\.26\.0 is known.* --from 1\.26\.0"):
        version_before("1.26.0", KNOWN)


def test_revision_has_no_dots() -> None:
    assert revision_of("1.29.1") == "1-29-1"


def test_values_of_one_side_come_on_top_of_those_of_both() -> None:
    upgrade = Upgrade(old="1.30.4", new="1.31.0", values=Path("both"), new_values=Path("new"))
    assert upgrade.values_of_old == (Path("both"),)
    assert upgrade.values_of_new == (Path("both"), Path("new"))
    assert upgrade.has_values
    assert not Upgrade(old="1.30.4", new="1.31.0").has_values
