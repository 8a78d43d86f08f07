"""pytest-kind's KindCluster, with scripts in place of kind and docker that record their arguments."""

import os
import stat
from pathlib import Path

import pytest
import yaml

from fixtures.clients.command import CommandFailed
from fixtures.clusters.kind import cli

KUBECONFIG = {
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "current-context": "c",
}
MAKES = f"""
echo "$@" >> calls
env >> calls
[ "$1" = get ] && exit 0
printf '%s' '{yaml.safe_dump(KUBECONFIG)}' > kubeconfig
"""


def program(folder: Path, name: str, script: str) -> Path:
    """Write a shell script in place of a program."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def create(folder: Path, script: str, *, timeout: float = 30) -> str:
    """Create a cluster with this script in place of kind; returns the recorded arguments."""
    config = folder / "kind.yaml"
    config.write_text("kind: Cluster\n", encoding="utf-8")
    cli.create(
        "mine",
        image="node:1",
        kind=program(folder, "kind", script),
        kubectl=folder / "kubectl",
        config=config,
        kubeconfig=folder / "kubeconfig",
        environment={"PATH": f"{folder}:/usr/bin:/bin", "DOCKER_HOST": "unix:///ours"},
        timeout=timeout,
    )
    return (folder / "calls").read_text(encoding="utf-8")


def test_cluster_is_created_with_our_image_configuration_and_kubeconfig(tmp_path: Path) -> None:
    expected = (
        f"create cluster --name=mine --kubeconfig={tmp_path}/kubeconfig --image=node:1 "
        f"--config {tmp_path}/kind.yaml"
    )
    assert expected in create(tmp_path, MAKES)


def test_kind_runs_in_exactly_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "the user's own")
    called = create(tmp_path, MAKES)
    assert "DOCKER_HOST=unix:///ours" in called
    assert "KUBECONFIG=" not in called


def test_own_environment_and_folder_are_unchanged(tmp_path: Path) -> None:
    before, where = dict(os.environ), Path.cwd()
    create(tmp_path, MAKES)
    assert (dict(os.environ), Path.cwd()) == (before, where)


def test_nothing_is_left_beside_the_checkout(tmp_path: Path) -> None:
    create(tmp_path, MAKES)
    assert (tmp_path / ".pytest-kind").is_dir()


def test_failed_kind_is_reported_with_its_status(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"kind create cluster .* ended with status 3"):
        create(tmp_path, '[ "$1" = get ] || exit 3')


def test_hanging_kind_is_stopped_by_removing_its_node(tmp_path: Path) -> None:
    program(tmp_path, "docker", f'echo "$@" > {tmp_path}/docker-called; kill $(cat {tmp_path}/pid)')
    hangs = f'[ "$1" = get ] && exit 0; echo $$ > {tmp_path}/pid; exec sleep 60'
    with pytest.raises(CommandFailed, match=r"took more than 0\.5 s"):
        create(tmp_path, hangs, timeout=0.5)
    called = (tmp_path / "docker-called").read_text(encoding="utf-8")
    assert called == "rm --force --volumes mine-control-plane\n"


def test_published_ports_are_read_from_the_engine(tmp_path: Path) -> None:
    ports = '{"6443/tcp":[{"HostIp":"127.0.0.1","HostPort":"41003"}],"30080/tcp":null}'
    program(tmp_path, "docker", f"echo '{ports}'")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert cli.published("mine", environment=environment, timeout=10) == {6443: 41003}
