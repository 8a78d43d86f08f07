"""Mirrors, the credentials of the engine, and which version and distribution a request means."""

import base64
import json
from pathlib import Path

import pytest

from fixtures.clients.command import CommandFailed
from fixtures.clients.docker_config import authorization
from fixtures.distributions import DISTRIBUTIONS
from fixtures.distributions.auto import NotChosen, choose
from fixtures.distributions.base import SourceOptions
from fixtures.distributions.upstream.mirrors import BadMirror, Mirrors
from fixtures.distributions.versions import NoSuchVersion, in_order, resolve
from fixtures.manifests import Manifests
from lab import daemon

VERSIONS = in_order(["1.31.0", "1.30.4", "1.30.10", "1.32.0-rc.1", "1.31.1", "1.32.0-rc.0", "v2", "nightly"])
MIRRORS = Mirrors.parse(
    ["docker.io=mirror.example:5000/hub", "quay.io=http://10.0.0.1:5000"], ["github.com=http://10.0.0.1"]
)


def test_versions_are_in_order_and_anything_else_is_left_out() -> None:
    assert VERSIONS == ["1.30.4", "1.30.10", "1.31.0", "1.31.1", "1.32.0-rc.0", "1.32.0-rc.1"]


@pytest.mark.parametrize(
    ("requested", "meant"),
    [
        (None, "1.31.1"),
        ("latest", "1.31.1"),
        ("1.30", "1.30.10"),
        ("1.31.0", "1.31.0"),
        ("1.32.0-rc.0", "1.32.0-rc.0"),
    ],
)
def test_version_is_resolved(requested: str | None, meant: str) -> None:
    assert resolve(requested, VERSIONS) == meant


@pytest.mark.parametrize(
    ("requested", "near"), [("1.31.9", "1.31.1"), ("1.32", "1.32.0-rc.1"), ("new", "1.30.4")]
)
def test_version_that_does_not_exist_is_refused_with_near_ones(requested: str, near: str) -> None:
    with pytest.raises(NoSuchVersion, match=f"no Istio version named '{requested}'.*{near}"):
        resolve(requested, VERSIONS)


def test_near_ones_of_many_are_those_of_the_release_line() -> None:
    many = in_order(f"1.{minor}.{patch}" for minor in range(20, 32) for patch in range(9))
    with pytest.raises(NoSuchVersion, match=r"near ones: 1\.25\.1, .*1\.25\.8; the newest is 1\.31\.8"):
        resolve("1.25.99", many)


def test_images_and_files_come_from_the_mirror_of_their_host() -> None:
    assert MIRRORS.image("nginx:1") == "mirror.example:5000/hub/library/nginx:1"
    assert MIRRORS.image("docker.io/istio/pilot:1.31.0") == "mirror.example:5000/hub/istio/pilot:1.31.0"
    assert MIRRORS.image("ghcr.io/a/b:1") == "ghcr.io/a/b:1"
    assert MIRRORS.release("https://github.com/a/b?c=d") == "http://10.0.0.1/a/b?c=d"
    assert MIRRORS.release("https://dl.k8s.io/a") == "https://dl.k8s.io/a"
    assert MIRRORS.plain == {"http://10.0.0.1"}


def test_node_never_falls_back_to_the_mirrored_registry() -> None:
    files = MIRRORS.node_files({"mirror.example:5000": "Basic eA=="})
    hub = files["/etc/containerd/certs.d/docker.io/hosts.toml"]
    assert hub.startswith('server = "https://mirror.example:5000/v2/hub"\n')
    assert "override_path = true" in hub
    assert 'Authorization = "Basic eA=="' in hub
    quay = files["/etc/containerd/certs.d/quay.io/hosts.toml"]
    assert '[host."http://10.0.0.1:5000"]' in quay
    assert "Authorization" not in quay


@pytest.mark.parametrize(
    "wrong", ["docker.io", "=x", "docker.io=", "docker.io=ftp://x", "docker.io=https://", "a/b=c"]
)
def test_mirror_of_a_wrong_form_is_refused(wrong: str) -> None:
    with pytest.raises(BadMirror, match="--registry-mirror"):
        Mirrors.parse([wrong], [])
    with pytest.raises(ValueError, match="--registry-mirror"):
        DISTRIBUTIONS["upstream"](SourceOptions(registry_mirrors=(wrong,)))


def test_credentials_in_an_option_are_refused_and_not_shown() -> None:
    with pytest.raises(BadMirror, match="docker login") as refused:
        Mirrors.parse(["docker.io=https://me:hunter2@mirror.example"], [])
    assert "hunter2" not in str(refused.value)


def environment(folder: Path, config: object, helper: str = "") -> dict[str, str]:
    """Return the environment of an engine client with this configuration and this credential helper."""
    (folder / "config.json").write_text(json.dumps(config))
    if helper:
        program = folder / "docker-credential-test"
        program.write_text(f"#!/bin/sh\nread registry\n{helper}\n")
        program.chmod(0o755)
    return {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:/usr/bin:/bin"}


@pytest.fixture
def helper_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the test's credential helper is in the PATH of this process, too."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_credentials_are_those_of_the_engine(tmp_path: Path) -> None:
    config = {"auths": {"mirror.example": {"auth": "bWU6c2VjcmV0"}}}
    assert authorization("mirror.example", environment(tmp_path, config)) == "Basic bWU6c2VjcmV0"
    assert authorization("other.example", environment(tmp_path, config)) is None
    assert authorization("mirror.example", {"DOCKER_CONFIG": str(tmp_path / "none")}) is None


def test_credential_helper_is_asked(tmp_path: Path, helper_in_path: None) -> None:
    answer = """echo "{\\"Username\\": \\"me\\", \\"Secret\\": \\"of $registry\\"}\""""
    found = authorization("mirror.example", environment(tmp_path, {"credsStore": "test"}, answer))
    assert found
    assert base64.b64decode(found.removeprefix("Basic ")) == b"me:of mirror.example"


def test_credential_helper_that_knows_nothing_is_no_error(tmp_path: Path, helper_in_path: None) -> None:
    unknown = "echo credentials not found in native keychain; exit 1"
    assert authorization("mirror.example", environment(tmp_path, {"credsStore": "test"}, unknown)) is None


def test_credential_helper_that_fails_is_an_error(tmp_path: Path, helper_in_path: None) -> None:
    locked = environment(tmp_path, {"credHelpers": {"mirror.example": "test"}}, "echo locked >&2; exit 1")
    with pytest.raises(CommandFailed, match="locked"):
        authorization("mirror.example", locked)


def test_ci_must_name_its_distribution() -> None:
    with pytest.raises(NotChosen, match=r"--distribution upstream .* --distribution lab"):
        choose({"CI": "true"}, lambda _: "unix:///var/run/docker.sock")


def test_engine_that_answers_selects_upstream() -> None:
    name, why = choose({}, lambda _: "unix:///var/run/docker.sock")
    assert name == "upstream"
    assert "unix:///var/run/docker.sock" in why


def test_engine_of_the_lab_selects_the_lab() -> None:
    assert choose({"CI": "false"}, lambda _: f"unix://{daemon.place().socket}")[0] == "lab"


def test_no_engine_selects_the_lab_and_says_what_it_changes() -> None:
    name, why = choose({}, lambda _: None)
    assert name == "lab"
    assert "installs Debian packages" in why


def test_published_images_replace_those_of_the_project_alone(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    client = tmp_path / "app" / "client.yaml"
    client.write_text(Manifests().path("app/client.yaml").read_text())
    images = {"registry.lab/nginx:1.22.1": "nginx:1", "registry.lab/client:1": "curl:1"}
    manifests = Manifests.checked(tmp_path, images=images)
    app = next(each for each in manifests.load("app/test-app.yaml") if each["kind"] == "Deployment")
    assert app["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1"
    assert "registry.lab/client:1" in str(manifests.load("app/client.yaml"))


def test_full_name_that_may_exist_unlisted_is_accepted_and_no_other() -> None:
    def unlisted(_: str) -> bool:
        return True

    assert resolve("1.99.0", ["1.31.0"], unlisted) == "1.99.0"
    with pytest.raises(NoSuchVersion):
        resolve("1.99", ["1.31.0"], unlisted)
    with pytest.raises(NoSuchVersion):
        resolve("1.99.0", ["1.31.0"])


def test_release_mirror_of_an_unknown_host_is_refused_with_the_known_ones() -> None:
    """A mistyped host would silently leave the original server in use."""
    with pytest.raises(BadMirror, match=r"nothing from githb\.com; the hosts are github\.com, api\.github"):
        Mirrors.parse([], ["githb.com=https://files.example.com"])
