"""Each Istio's proxy image with each Envoy: names and programs."""

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.proxies import images, proxy
from lab.sources import Source, all_sources

PROXY = """
[[image]]
name = "docker.io/istio/pilot:{istio}"
programs = {{ discovery = "/discovery" }}

[[image]]
name = "docker.io/istio/proxyv2:{istio}"
programs = {{ agent = "/agent", "envoy-{envoy}:envoy" = "/envoy" }}
"""


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Source]:
    """Two Istio versions, each with its own Envoy."""
    for istio, envoy in (("1.28.2", "1.36.4"), ("1.29.1", "1.37.0")):
        declared = f'title="i"\n[versions]\nistio="{istio}"\n{PROXY.format(istio=istio, envoy=envoy)}'
        for name, text in (
            (f"istio-{istio}", declared),
            (f"envoy-{envoy}", f'title="e"\n[versions]\nenvoy="{envoy}"\n'),
        ):
            (tmp_path / name).mkdir()
            (tmp_path / name / "source.toml").write_text(text)
    return all_sources(tmp_path)


def test_each_envoy_has_a_proxy_image_and_the_default_keeps_the_plain_name(
    sources: dict[str, Source],
) -> None:
    made = images(sources["istio-1.28.2"], list(sources.values()))
    assert [image.name for image in made] == [
        "docker.io/istio/pilot:1.28.2",
        "docker.io/istio/proxyv2:1.28.2",
        "docker.io/istio/proxyv2-envoy-1.37.0:1.28.2",
    ]
    assert list(made[1].programs) == ["agent", "envoy-1.36.4:envoy"]
    assert list(made[2].programs) == ["agent", "envoy-1.37.0:envoy"]


@pytest.mark.parametrize(
    ("version", "envoy", "name"),
    [
        ("1.28.2", None, "proxyv2"),
        ("1.28.2", "1.36.4", "proxyv2"),
        ("1.28.2", "1.37.0", "proxyv2-envoy-1.37.0"),
        ("1.29.1", "1.36.4", "proxyv2-envoy-1.36.4"),
    ],
    ids=["own", "own-by-name", "newer", "older"],
)
def test_istio_gets_the_image_name_of_the_pair(
    sources: dict[str, Source], version: str, envoy: str | None, name: str
) -> None:
    assert proxy(sources[f"istio-{version}"], list(sources.values()), envoy).name == name


def test_unknown_envoy_lists_the_known_ones(sources: dict[str, Source]) -> None:
    with pytest.raises(LabError, match=r"no Envoy 9\.9\.9; it has 1\.36\.4, 1\.37\.0"):
        proxy(sources["istio-1.29.1"], list(sources.values()), "9.9.9")


def test_source_without_a_proxy_is_named(sources: dict[str, Source]) -> None:
    with pytest.raises(LabError, match=r"envoy-1\.37\.0 declares no image with an Envoy"):
        proxy(sources["envoy-1.37.0"], list(sources.values()))


def test_each_istio_of_the_lab_has_a_proxy_with_each_of_its_envoys() -> None:
    known = list(all_sources().values())
    envoys = [source.versions["envoy"] for source in known if "envoy" in source.versions]
    istios = [source for source in known if "istio" in source.versions]
    pairs = {proxy(istio, known, envoy).image.name for istio in istios for envoy in envoys}
    assert len(pairs) == len(istios) * len(envoys) > 1
