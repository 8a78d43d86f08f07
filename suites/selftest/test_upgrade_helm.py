"""The upgrades by Helm: which releases it changes, in which order, and what the rollback leaves."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from fixtures.clients.helm import ChartRelease, Helm
from fixtures.clients.istioctl import Istioctl
from fixtures.declaration import names_in
from fixtures.installers.base import PLAIN
from fixtures.installers.helm import HelmInstaller, uninstall_all
from fixtures.installers.operator_spec import Untranslatable
from fixtures.manifests import Manifests
from fixtures.settings import upgrade_holds
from fixtures.upgrade.app import TrafficApp
from fixtures.upgrade.helm_version import HelmVersion
from fixtures.upgrade.steps import Steps
from fixtures.upgrade.strategies import check_same_releases
from fixtures.upgrade.strategies.helm_canary import HelmCanary
from fixtures.upgrade.strategies.helm_in_place import HelmInPlace
from fixtures.upgrade.timeline import Timeline

NAMES = ("istio-base", "istiod", "istio-ingressgateway")
TREE, GATEWAY_CHART = Path("x"), Path("gateway")


#: What the steps and Helm have done, in order.
DONE: list[str] = []


class Recorder:
    """The steps of an upgrade, which record what they would do."""

    def __init__(self) -> None:
        DONE.clear()
        self.done = DONE
        self.kube = self.cluster_waits = self
        self.changes = True
        self.generations = 0

    def run(self, _version: HelmVersion, command: list[str]) -> None:
        self.done.append(" ".join(word for word in command[1:4] if not word.startswith("-")))

    def generation(self, *_: str) -> int:
        self.generations += self.changes
        return self.generations

    def restart(self, *place: str) -> None:
        self.done.append(f"restart {place[0] if place else 'workloads'}")

    def apply(self, manifest: dict[str, Any]) -> None:
        self.done.append(f"apply {manifest['kind']}")

    def __getattr__(self, _name: str) -> Callable[..., Any]:
        return lambda *_, **__: None


class FakeHelm(Helm):
    """A Helm whose cluster has the given releases, and that records what it uninstalls."""

    removed: list[str] = []  # noqa: RUF012

    def template(self, *_: object, **__: object) -> str:
        return "{apiVersion: a/v1, kind: MutatingWebhookConfiguration, metadata: {name: tag}}"

    def releases(self) -> list[dict[str, Any]]:
        names = (*NAMES, "theirs", "istio-cni", "istio-edgegateway")
        return [{"name": name, "namespace": "x", "revision": "2"} for name in names]

    def uninstall(self, name: str, namespace: str) -> None:
        self.removed.append(name)
        DONE.append(f"uninstall {name}")


def chart_of(release: str) -> Path:
    return GATEWAY_CHART if release.endswith("gateway") else TREE


def helm() -> FakeHelm:
    return FakeHelm(program=Path("helm"), kubeconfig=TREE, environment={}, folder=TREE, timeout=1)


def upgrade(recorder: Recorder, new: str = "1.31.0", releases: Sequence[str] = NAMES) -> HelmInPlace:
    old, latter = (
        HelmVersion(
            version=version,
            envoy="1",
            istioctl=cast("Istioctl", None),
            files=(),
            helm=helm(),
            gateway_chart=GATEWAY_CHART,
            timeout=60,
            releases=[
                ChartRelease(name=name, namespace="x", chart=chart_of(name), values=TREE) for name in releases
            ],
        )
        for version in ("1.30.4", new)
    )
    return HelmInPlace(
        steps=cast("Steps", recorder),
        app=cast("TrafficApp", recorder),
        names=names_in(Manifests(), HelmInstaller.names(PLAIN)),
        old=old,
        new=latter,
    )


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(minima={}, check_flowing=lambda: None, report=lambda _: None)


def test_crds_come_before_istiod_and_the_gateway_comes_last(timeline: Timeline) -> None:
    recorder = Recorder()
    upgrade(recorder).forward(timeline)
    releases = ["istio-base", "istiod", "istio-ingressgateway"]
    assert recorder.done == [*(f"upgrade {name}" for name in releases), "restart workloads"]
    assert [phase.name for phase in timeline.phases] == ["control-plane", "gateway", "workloads"]


def test_rollback_returns_istiod_and_gateway_and_keeps_the_crds(timeline: Timeline) -> None:
    recorder = Recorder()
    strategy = upgrade(recorder)
    strategy.forward(timeline)
    recorder.done.clear()
    strategy.back(timeline)
    assert recorder.done == ["rollback istiod 2", "rollback istio-ingressgateway 2", "restart workloads"]


def test_cni_plugin_and_further_gateways_are_upgraded_and_rolled_back(timeline: Timeline) -> None:
    recorder = Recorder()
    names = ("istio-base", "istio-cni", "istiod", "istio-ingressgateway", "istio-edgegateway")
    strategy = upgrade(recorder, releases=names)
    strategy.forward(timeline)
    assert recorder.done[:-1] == [f"upgrade {name}" for name in names]
    recorder.done.clear()
    strategy.back(timeline)
    back = ("istiod", "istio-cni", "istio-ingressgateway", "istio-edgegateway")
    assert recorder.done[:-1] == [f"rollback {name} 2" for name in back]


def test_versions_with_different_releases_are_refused() -> None:
    new = upgrade(Recorder(), releases=(*NAMES, "istio-cni")).new
    with pytest.raises(Untranslatable, match="only one version has istio-cni"):
        check_same_releases(upgrade(Recorder()).old, new)


def test_version_knows_its_installers_commands() -> None:
    version = upgrade(Recorder()).old
    commands = version.commands(7)
    assert version.tool == "helm"
    assert [command[1:4] for command in commands] == [["upgrade", "--install", name] for name in NAMES]
    assert all("7s" in command for command in commands)


def test_a_a_run_restarts_what_helm_leaves_unchanged(timeline: Timeline) -> None:
    recorder = Recorder()
    recorder.changes = False
    upgrade(recorder, "1.30.4").forward(timeline)
    restarts = [each for each in recorder.done if each.startswith("restart")]
    assert restarts == ["restart istiod", "restart istio-ingressgateway", "restart workloads"]


def test_uninstall_leaves_the_releases_of_others() -> None:
    found = helm()
    found.removed.clear()
    uninstall_all(found)
    assert found.removed == [
        *("istio-ingressgateway", "istio-edgegateway"),
        *("istiod", "istio-cni", "istio-base"),
    ]


@pytest.fixture
def canary(tmp_path: Path) -> HelmCanary:
    """A canary upgrade whose releases have values."""
    values = tmp_path / "values.yaml"
    values.write_text("{}")
    versions = [
        HelmVersion(
            version=version,
            envoy="1",
            istioctl=cast("Istioctl", None),
            files=(),
            revision=revision,
            helm=helm(),
            gateway_chart=GATEWAY_CHART,
            timeout=60,
            releases=[
                ChartRelease(name=name, namespace="x", chart=chart_of(name), values=values)
                for name in ("istio-base", f"istiod-{revision}")
            ],
        )
        for version, revision in (("1.30.4", "old"), ("1.31.0", "new"))
    ]
    recorder = Recorder()
    return HelmCanary(
        steps=cast("Steps", recorder),
        app=cast("TrafficApp", recorder),
        names=names_in(Manifests(), HelmInstaller.names(PLAIN)),
        manifests=Manifests(),
        old=versions[0],
        new=versions[1],
    )


def test_canary_adds_a_release_and_moves_the_tag_last(canary: HelmCanary, timeline: Timeline) -> None:
    canary.forward(timeline)
    assert DONE == [
        "upgrade istio-base",
        "upgrade istiod-new",
        "upgrade istio-ingressgateway-new",
        "uninstall istio-ingressgateway-old",
        "apply MutatingWebhookConfiguration",
        "restart workloads",
    ]


def test_canary_rolls_back_and_keeps_the_base(canary: HelmCanary, timeline: Timeline) -> None:
    canary.back(timeline)
    assert DONE == [
        "apply MutatingWebhookConfiguration",
        "restart workloads",
        "upgrade istio-ingressgateway-old",
        "uninstall istio-ingressgateway-new",
        "upgrade istio-base",
        "uninstall istiod-new",
    ]


def test_old_release_is_deleted_last(canary: HelmCanary, timeline: Timeline) -> None:
    canary.clean_up(timeline)
    assert DONE[-2:] == ["upgrade istio-base", "uninstall istiod-old"]


def test_shared_service_is_in_the_gateways_namespace(canary: HelmCanary) -> None:
    places = [(each["kind"], each["metadata"].get("namespace")) for each in canary._service()]
    assert ("Service", "istio-ingress") in places
    assert ("ServiceAccount", "istio-ingress") in places


def test_canary_moves_shared_releases_and_leaves_them_in_a_rollback(
    canary: HelmCanary, timeline: Timeline
) -> None:
    for version in (canary.old, canary.new):
        shared = [replace(version.releases[0], name="istio-cni")]
        shared.append(replace(version.releases[0], name="istio-edgegateway", chart=GATEWAY_CHART))
        cast("list[ChartRelease]", version.releases).extend(shared)
    canary.forward(timeline)
    assert DONE[:2] == ["upgrade istio-base", "upgrade istio-cni"]
    assert DONE[4:6] == ["uninstall istio-ingressgateway-old", "upgrade istio-edgegateway"]
    DONE.clear()
    canary.back(timeline)
    assert "upgrade istio-edgegateway" in DONE
    assert "upgrade istio-cni" not in DONE


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Timeline]:
    """A function that returns the timeline of a strategy in the mode gate; it records and does not wait."""
    monkeypatch.setattr("fixtures.waits.consistently", lambda *_, **__: None)
    return lambda strategy: Timeline(
        minima=upgrade_holds("gate", strategy), check_flowing=lambda: None, report=lambda _: None
    )


def test_canary_holds_every_phase_of_the_gate(canary: HelmCanary, gate: Callable[[str], Timeline]) -> None:
    timeline = gate("canary")
    canary.forward(timeline)
    canary.back(timeline)
    canary.clean_up(timeline)
    assert [each.name for each in timeline.phases[-2:]] == list(canary.completing)
    assert len(timeline.phases) == 8
    assert {each.minimum for each in timeline.phases} == {upgrade_holds("gate", "canary")["gateway"]}


def test_in_place_holds_the_gateway_phase_of_the_gate_for_both(gate: Callable[[str], Timeline]) -> None:
    timeline, strategy = gate("in-place"), upgrade(Recorder())
    strategy.forward(timeline)
    strategy.back(timeline)
    minima = {each.name.removeprefix("rollback-"): each.minimum for each in timeline.phases}
    held = upgrade_holds("gate", "in-place")
    assert minima == {name: held[name] for name in ("control-plane", "gateway", "workloads")}
