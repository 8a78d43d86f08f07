"""`mesh run`: nothing is created without rights and consent, and nothing but the run's own is deleted."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.clients.api_server import ApiError
from fixtures.mesh_run import marks
from fixtures.mesh_run.marks import CREATOR, KIND, LABEL, NAMESPACE, NotOurs
from fixtures.mesh_run.rights import REQUIRED
from fixtures.mesh_run.run import LeftBehind, Skipped, Stage, run
from fixtures.waits import NotReady
from suites.command import mesh
from suites.selftest.fake_api_server import FakeApiServer, fake_api_server
from suites.selftest.inspected import healthy
from suites.selftest.mesh_server import REVIEW, kubectl_for, serve

REFUSED, ENVIRONMENT = 4, 12
OURS = {LABEL: "true"}
AWAY = ApiError("DELETE", 0, "no answer", "refused")
USER_REVIEW = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"


class Cluster:
    """Namespaces by name, behind the methods of Kube that the run's marks use."""

    def __init__(self, **namespaces: Any) -> None:
        self.namespaces = dict(namespaces)

    def get_all(self, kind: str, *, label_selector: str) -> list[Any]:
        assert (kind, label_selector) == (KIND, f"{LABEL}=true")
        return [each for each in self.namespaces.values() if each["metadata"].get("labels") == OURS]

    def create(self, manifest: Any) -> None:
        if manifest["metadata"]["name"] in self.namespaces:
            raise ApiError("POST", 409, "AlreadyExists", "exists")
        self.namespaces[manifest["metadata"]["name"]] = manifest

    def delete(self, _: str, name: str) -> None:
        del self.namespaces[name]


def namespace(name: str, **metadata: Any) -> Any:
    return {"metadata": {"name": name, **metadata}}


def stages(*functions: Any) -> Any:
    return SimpleNamespace(
        all=lambda: [Stage(str(n), f"stage {n}", each) for n, each in enumerate(functions, 1)]
    )


def fails(error: BaseException) -> Any:
    def stage(*_: Any) -> str:
        raise error

    return stage


def test_second_run_is_refused_and_names_the_cleanup() -> None:
    """The namespace of another run, or of a killed one, stays, and the message says what to do."""
    cluster: Any = Cluster()
    marks.create(cluster, {})
    with pytest.raises(NotOurs, match="mesh cleanup"):
        marks.create(cluster, {})
    assert list(cluster.namespaces) == [NAMESPACE]


@pytest.mark.parametrize(
    "metadata", [{}, {"labels": OURS}, {"annotations": {CREATOR: "someone"}, "labels": OURS}]
)
def test_namespace_without_the_whole_mark_is_not_ours(metadata: Any) -> None:
    """A name or a label alone makes no namespace the run's: it is neither used nor deleted."""
    cluster: Any = Cluster(**{NAMESPACE: namespace(NAMESPACE, **metadata)})
    with pytest.raises(NotOurs, match="no run created it"):
        marks.create(cluster, {})
    assert marks.remove(cluster) == []
    assert list(cluster.namespaces) == [NAMESPACE]


@pytest.mark.parametrize("error", [AssertionError("404"), KeyboardInterrupt(), ValueError("bug")])
def test_namespace_is_removed_whatever_happens(error: BaseException) -> None:
    """A failed stage, Ctrl-C and an error of the run itself all end with the namespace deleted."""
    cluster: Any = Cluster()
    with suppress(KeyboardInterrupt, ValueError):
        run(cluster, stages(fails(error)), lambda _: None, keep=False)
    assert cluster.namespaces == {}


def test_namespace_that_stays_is_reported_beside_the_verdict() -> None:
    """If the API server goes away, the stages' verdict stays, and the message says how to clean up."""
    cluster: Any = Cluster()
    cluster.delete = fails(AWAY)
    ran = run(cluster, stages(fails(AssertionError("404"))), lambda _: None, keep=False, retry_seconds=0)
    assert (ran.verdict, ran.failed, ran.environment) == ("failed", True, True)
    assert "mesh cleanup" in ran.left_behind


def test_interrupted_run_says_what_stays() -> None:
    """A run that is interrupted, and cannot delete its namespace, names the clean-up."""
    cluster: Any = Cluster()
    cluster.delete = fails(AWAY)
    with pytest.raises(LeftBehind, match="mesh cleanup"):
        run(cluster, stages(fails(KeyboardInterrupt())), lambda _: None, keep=False, retry_seconds=0)


def test_removal_waits_for_an_api_server_that_comes_back() -> None:
    """The deletion is retried until the API server answers, and nothing stays."""
    cluster: Any = Cluster()
    delete, errors = cluster.delete, [AWAY, AWAY]

    def delete_later(kind: str, name: str) -> None:
        if errors:
            raise errors.pop()
        delete(kind, name)

    cluster.delete = delete_later
    ran = run(cluster, stages(lambda: "seen"), lambda _: None, keep=False, retry_seconds=30)
    assert (ran.left_behind, cluster.namespaces) == ("", {})


def test_skipped_stage_makes_the_result_partial() -> None:
    """A skipped stage does not end the run, and its reason is kept."""
    ran = run(Cluster(), stages(fails(Skipped("no rights")), lambda: "seen"), lambda _: None, keep=False)  # type: ignore[arg-type]
    assert [each.result for each in ran.results] == ["skipped", "passed"]
    assert (ran.verdict, ran.results[0].text) == ("partial", "no rights")


def test_kept_namespace_stays_for_the_cleanup() -> None:
    """With --keep the namespace stays, and the clean-up knows it."""
    cluster: Any = Cluster()
    run(cluster, stages(lambda: "seen"), lambda _: None, keep=True)
    assert marks.remove(cluster) == [NAMESPACE]


def test_stages_behind_a_failed_one_are_not_reached() -> None:
    """The mesh's failures and the environment's are told apart, and later stages do not run."""
    late = fails(RuntimeError("ran"))
    for error, expected in (
        (AssertionError("404"), "failed"),
        (NotReady("the app", elapsed=1, tries=1, last="no"), "environment"),
        (ApiError("GET", 500, "no", "no"), "environment"),
    ):
        ran = run(Cluster(), stages(lambda: "seen", fails(error), late), lambda _: None, keep=False)  # type: ignore[arg-type]
        assert [each.result for each in ran.results] == ["passed", expected, "not reached"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_api_server(tmp_path) as fake:
        serve(fake, healthy())
        fake.kinds["authentication.k8s.io/v1"] = ["SelfSubjectReview"]
        fake.on(USER_REVIEW, {"status": {"userInfo": {"username": "someone"}}})
        yield fake


def start(server: FakeApiServer, folder: Path, *options: str) -> int:
    kubectl = kubectl_for(server, folder)
    return mesh.main(["run", f"--kubeconfig={server.kubeconfig}", f"--kubectl={kubectl}", *options])


def created(server: FakeApiServer) -> set[str]:
    """What was sent except reads and the reviews of rights, which store nothing."""
    sent = {f"{verb} {path}" for verb, path, *_ in server.asked if verb != "GET"}
    return sent - {REVIEW, USER_REVIEW}


def test_missing_rights_are_all_named_before_anything_is_created(
    server: FakeApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without rights the run names each of them and creates nothing."""
    assert start(server, tmp_path, "--yes") == ENVIRONMENT
    told = capsys.readouterr().err
    assert all(str(each) in told for each in REQUIRED)
    assert created(server) == set()


def test_nothing_is_created_without_consent(
    server: FakeApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody can answer and --yes is missing, everything is printed and nothing is created."""
    server.answers[REVIEW].clear()
    server.on(REVIEW, {"status": {"allowed": True}})
    assert start(server, tmp_path) == REFUSED
    printed = capsys.readouterr()
    assert "user:     someone" in printed.out
    assert f"  Deployment {NAMESPACE}/gateway" in printed.out
    assert "without a terminal, use --yes" in printed.err
    assert created(server) == set()


def test_unknown_revision_is_refused(
    server: FakeApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A revision that the mesh does not have is refused with those that it has."""
    assert start(server, tmp_path, "--yes", "--revision=canary") == REFUSED
    assert "no revision or tag canary: name one with --revision (default)" in capsys.readouterr().err
    assert created(server) == set()
