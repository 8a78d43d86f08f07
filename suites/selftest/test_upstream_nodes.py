"""The node image of upstream: the newest Kubernetes that every Istio of the run supports, by digest."""

import pytest

from fixtures.distributions.base import SourceOptions, Unavailable
from fixtures.distributions.upstream import node_images
from fixtures.distributions.upstream.distribution import Upstream


@pytest.mark.parametrize(
    ("versions", "kubernetes"),
    [
        (["1.31.0"], "1.36.4"),
        (["1.30.4", "1.31.0"], "1.36.4"),
        (["1.29.2", "1.31.0"], "1.35.8"),
        (["1.28.0"], "1.34.11"),
        (["1.32.0-beta.0"], "1.36.4"),
    ],
    ids=["newest", "same range", "older version decides", "old", "newer than recorded"],
)
def test_newest_kubernetes_that_every_istio_supports_is_chosen(versions: list[str], kubernetes: str) -> None:
    image = node_images.chosen(versions)
    assert node_images.version_of(image) == kubernetes
    assert "@sha256:" in image


def test_istio_without_a_recorded_kubernetes_is_refused_with_the_way_out() -> None:
    with pytest.raises(Unavailable, match=r"Istio 1\.26\.8 supports: name one with --kubernetes-version"):
        node_images.chosen(["1.26.8"])


@pytest.mark.parametrize("version", ["1.35.8", "1.35"])
def test_named_kubernetes_is_used_by_its_recorded_digest(version: str) -> None:
    source = Upstream(SourceOptions(kubernetes_version=version))
    assert source.node_image(["1.31.0"]).startswith("docker.io/kindest/node:v1.35.8@sha256:")


def test_unrecorded_kubernetes_has_a_tag_and_no_digest() -> None:
    source = Upstream(SourceOptions(kubernetes_version="1.33.2"))
    assert source.node_image(["1.31.0"]) == "docker.io/kindest/node:v1.33.2"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (SourceOptions(kubernetes_version="nonsense"), "--kubernetes-version nonsense: expected a version"),
        (SourceOptions(kubernetes_version="9.9"), "--kubernetes-version 9.9: expected a version"),
        (SourceOptions(node_image="a b"), "--node-image 'a b': expected an image"),
        (SourceOptions(node_image="--privileged"), "--node-image '--privileged': expected an image"),
    ],
    ids=["no version", "no release line", "two words", "an option"],
)
def test_name_that_cannot_be_one_is_refused(options: SourceOptions, told: str) -> None:
    """A mistyped version or image is an error before anything is asked for."""
    with pytest.raises(ValueError, match=told):
        Upstream(options)


def test_range_of_a_version_is_that_of_its_minor_version() -> None:
    assert node_images.supported("1.29.7") == ("1.31", "1.35")
    assert node_images.supported("1.40.0") == node_images.supported("1.31.0")
