"""What istioctl's uninstallation removes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fixtures.installers.base import InstallContext, InstallPlan
from fixtures.installers.istioctl import IstioctlInstaller


def removed(present: list[str], revision: str = "blue") -> list[str]:
    """Return the calls of istioctl for an installation of a revision, of whose tags only some are present."""
    calls: list[str] = []
    istioctl = SimpleNamespace(
        remove_tag=lambda tag: calls.append(f"tag remove {tag}"), uninstall=lambda: calls.append("purge")
    )

    def get_all(_: str, *, label_selector: str) -> list[Any]:
        return [each for each in present if label_selector == f"istio.io/tag={each}"]

    unused = cast("Any", None)
    context = InstallContext(
        plan=InstallPlan(revision=revision),
        kube=cast("Any", SimpleNamespace(get_all=get_all)),
        kubectl=unused,
        istioctl=cast("Any", istioctl),
        folder=Path("/nowhere"),
        istio_namespace="istio-system",
        charts=unused,
    )
    IstioctlInstaller(context).uninstall()
    return calls


def test_tags_are_removed_before_the_purge() -> None:
    """A purge leaves the webhook and the Service of a tag, so each tag goes first."""
    assert removed(["default", "prod"]) == ["tag remove default", "tag remove prod", "purge"]


def test_absent_tags_are_no_error() -> None:
    """An installation that failed half-way, and one without a revision, are purged all the same."""
    assert removed(["prod"]) == ["tag remove prod", "purge"]
    assert removed([], revision="") == ["purge"]
