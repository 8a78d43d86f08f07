"""`istio-conformance images`: what a run needs, and what it says about a request that is wrong."""

import http.server
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from suites.command import images
from suites.selftest.release_server import send, serving


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The options for a mirror that has a list of releases and nothing else."""
    monkeypatch.setenv("ISTIO_CONFORMANCE_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "*")
    listed = json.dumps([{"tag_name": each} for each in ("1.31.0", "1.31.1", "1.32.0-rc.0")]).encode()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        send(handler, 200, listed) if handler.path.startswith("/repos/istio") else send(handler, 404)

    with serving(answer, tls=False) as url:
        yield [f"--release-mirror=api.github.com={url}"]


def test_list_names_every_file_and_image_with_its_place(
    mirror: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--istio-version=1.31", "--registry-mirror=docker.io=mirror.example/hub"]
    assert images.main([*mirror, *options]) == 0
    printed = capsys.readouterr().out
    assert "/istio/istio/releases/download/1.31.1/istio-1.31.1-" in printed
    assert ".tar.gz.sha256\n" in printed
    assert "image docker.io/istio/pilot:1.31.1 from mirror.example/hub/istio/pilot:1.31.1\n" in printed
    assert "image mirror.example/hub/kindest/node:v" in printed


def test_kubernetes_version_selects_node_image_and_kubectl(
    mirror: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert images.main([*mirror, "--kubernetes-version=1.36.3"]) == 0
    printed = capsys.readouterr().out
    assert "image docker.io/kindest/node:v1.36.3 " in printed
    assert "https://dl.k8s.io/release/v1.36.3/bin/" in printed


def test_version_that_does_not_exist_is_refused(
    mirror: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert images.main([*mirror, "--istio-version=1.31.7"]) == 1
    assert "no Istio version named '1.31.7'; known: 1.31.0, 1.31.1, 1.32.0-rc.0" in capsys.readouterr().err


def test_full_version_is_accepted_while_the_list_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ISTIO_CONFORMANCE_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(lambda handler: send(handler, 404), tls=False) as url:
        mirrored = f"--release-mirror=api.github.com={url}"
        assert images.main([mirrored, "--istio-version=1.31.99"]) == 0
        assert "pilot:1.31.99" in capsys.readouterr().out
        assert images.main([mirrored]) == 0
        assert "pilot:1.31.0" in capsys.readouterr().out
