"""What a run needs before its first test: first the context's cluster, then only what that cluster needs."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from fixtures.clients.api_server import ApiError, ApiServer
from fixtures.clusters.existing import check_answers
from fixtures.distributions.base import SourceOptions
from fixtures.distributions.upstream import Upstream
from fixtures.distributions.upstream.published import Platform
from fixtures.plugins import preparation
from fixtures.plugins.options import RUN
from suites.selftest.release_server import send, serving

PREPARED = "the distribution was prepared"
KEYS = ("client-certificate-data", "client-key-data")
Prepare = Callable[..., None]


def kubeconfig(folder: Path, server: str) -> Path:
    """A kubeconfig with the context `mine`, whose client certificate makes the client write keys."""
    content = {
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": dict.fromkeys(KEYS, "bWluZQ==")}],
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    file = folder / "kube" / "config"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """A function that prepares a run on a context of a kubeconfig that names this server."""

    def prepared(*_: object) -> None:
        raise AssertionError(PREPARED)

    monkeypatch.setattr(preparation, "source_of", lambda _: SimpleNamespace(prepare=prepared))
    monkeypatch.setattr(preparation, "needed_versions", lambda _: {"1.31.0"})

    def prepare(context: str, server: str) -> None:
        options = SimpleNamespace(
            context=context, kubeconfig=kubeconfig(tmp_path, server), timeouts=SimpleNamespace(command=5)
        )
        config = SimpleNamespace(
            stash={RUN: options},
            getoption=lambda _: False,
            pluginmanager=SimpleNamespace(get_plugin=lambda _: None),
        )
        session: Any = SimpleNamespace(config=config, items=[SimpleNamespace(fixturenames=["distribution"])])
        preparation.pytest_runtestloop(session)

    return prepare


def test_unknown_context_is_refused_before_the_distribution_is_prepared(prepare: Prepare) -> None:
    with pytest.raises(pytest.UsageError, match=r"--context other: .* has no usable context of this name"):
        prepare("other", "http://127.0.0.1:1")


def test_cluster_that_does_not_answer_ends_the_run_before_the_distribution_is_prepared(
    prepare: Prepare, tmp_path: Path
) -> None:
    with pytest.raises(pytest.exit.Exception, match="the cluster of context mine does not answer") as ended:
        prepare("mine", "http://127.0.0.1:1")
    assert ended.value.returncode == 12
    assert [each.name for each in (tmp_path / "kube").iterdir()] == ["config"]


def test_distribution_is_prepared_once_the_cluster_has_answered(prepare: Prepare) -> None:
    with (
        serving(lambda handler: send(handler, 200, b"{}"), tls=False) as url,
        pytest.raises(AssertionError, match=PREPARED),
    ):
        prepare("mine", url)


def test_key_of_the_check_is_written_anew_for_the_run(tmp_path: Path) -> None:
    """The client library remembers where it wrote a key, although that folder is gone."""
    file, keys = kubeconfig(tmp_path, "https://127.0.0.1:1"), tmp_path / "keys"
    with pytest.raises(ApiError, match="no answer"):
        check_answers(file, "mine", 1)
    ApiServer(file, timeout=1, context="mine", keys=keys)
    assert list(keys.iterdir())


def test_published_run_on_an_existing_cluster_needs_no_node_and_no_engine(tmp_path: Path) -> None:
    """Only kubectl and Istio's release are fetched; the engine is not asked."""
    source, programs = Upstream(SourceOptions(own_cluster=False)), []

    def program(file: Any) -> Path:
        programs.append(file.program)
        return tmp_path

    store = SimpleNamespace(
        platform=Platform.here(), place=lambda _: tmp_path, has=lambda _: True, program=program
    )
    source.__dict__ |= {"_store": store, "_engine": None, "_versions": ["1.31.0"]}
    lines: list[str] = []
    source.prepare({"1.31.0"}, lines.append)
    assert programs == ["kubectl", "istioctl"]
    assert not [each for each in lines if "kindest/node" in each or "/kind" in each]
