"""Checks of the results of an upgrade."""

from typing import Any

import pytest

from fixtures.checks.upgrade import (
    check_all_have_proxy,
    check_none,
    check_nothing_of_revision,
    check_objects_unchanged,
    check_one_version,
    check_proxy_versions,
    of_revision,
)
from fixtures.upgrade.spec_digests import digests, istio_kinds


def resource(name: str, *, kind: str = "Service", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": "n", **more.pop("metadata", {})}, **more}


def test_every_proxy_must_have_the_version() -> None:
    check_proxy_versions({"n/a": "1.29.1", "n/b": "1.29.1"}, "1.29.1")
    with pytest.raises(
        AssertionError, match=r"not of version 1\.29\.1: \{'n/b': '1\.28\.2'\}; proxies of it: 1"
    ):
        check_proxy_versions({"n/a": "1.29.1", "n/b": "1.28.2"}, "1.29.1")


def test_version_that_is_not_known_before_is_the_one_of_all_proxies() -> None:
    assert check_one_version({"n/a": "1.39.3", "n/b": "1.39.3"}) == "1.39.3"


@pytest.mark.parametrize(
    ("proxies", "told"),
    [
        ({"n/a": "1.38.3", "n/b": "1.39.3"}, r"the versions \['1\.38\.3', '1\.39\.3'\]"),
        ({"n/a": "", "n/b": ""}, "no proxy reports a version"),
        ({}, "no pod has a proxy"),
    ],
    ids=["two versions", "no version", "no proxy"],
)
def test_proxies_without_one_common_version_fail(proxies: dict[str, str], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_one_version(proxies)


def test_no_proxy_fails() -> None:
    with pytest.raises(AssertionError, match="no pod has a proxy"):
        check_proxy_versions({}, "1.29.1")


def pod(name: str, *containers: str, init: tuple[str, ...] = ()) -> dict[str, Any]:
    spec = {
        name: [{"name": each} for each in names]
        for name, names in (("containers", containers), ("initContainers", init))
    }
    return {"metadata": {"name": name, "namespace": "mesh"}, "spec": spec}


def test_every_pod_has_its_proxy_as_container_or_native_sidecar() -> None:
    optional = pod("c", "job")
    optional["metadata"]["labels"] = {"sidecar.istio.io/inject": "false"}
    check_all_have_proxy([pod("a", "app", "istio-proxy"), pod("b", "app", init=("istio-proxy",)), optional])


def test_pods_without_a_proxy_are_named() -> None:
    pods = [pod("a", "app", "istio-proxy"), pod("b", "app"), pod("c", "app")]
    with pytest.raises(AssertionError, match=r"2 of 3 pods have no proxy: \['mesh/b', 'mesh/c'\]"):
        check_all_have_proxy(pods)


def test_no_pod_that_should_have_a_proxy_fails() -> None:
    with pytest.raises(AssertionError, match="no pod is expected to have a proxy"):
        check_all_have_proxy([])


def test_deleted_new_and_changed_objects_are_named() -> None:
    check_objects_unchanged({"a": "1"}, {"a": "1"})
    with pytest.raises(AssertionError, match=r"gone: \['b'\]; new: \['d'\]; with another spec: \['c'\]"):
        check_objects_unchanged({"a": "1", "b": "1", "c": "1"}, {"a": "1", "c": "2", "d": "1"})


def test_no_object_before_the_upgrade_fails() -> None:
    with pytest.raises(AssertionError, match="no object existed before"):
        check_objects_unchanged({}, {})


def test_restart_is_no_change_but_a_new_replica_is() -> None:
    def deployment(replicas: int, **annotations: str) -> dict[str, Any]:
        template = {
            "metadata": {"labels": {"app": "a"}, **({"annotations": annotations} if annotations else {})}
        }
        return resource("web", kind="Deployment", spec={"replicas": replicas, "template": template})

    restarted = deployment(2, **{"kubectl.kubernetes.io/restartedAt": "now"})
    assert digests([deployment(2)]) == digests([restarted])
    assert digests([deployment(2)]) != digests([deployment(3)])


def test_istio_kinds_are_read_in_their_stored_version() -> None:
    def crd(group: str) -> dict[str, Any]:
        versions = [{"name": "v1beta1"}, {"name": "v1", "storage": True}]
        return {"spec": {"group": group, "names": {"kind": "Thing"}, "versions": versions}}

    assert istio_kinds([crd("security.istio.io"), crd("example.com")]) == ["security.istio.io/v1/Thing"]


def test_remains_of_a_revision_are_found_by_label_annotation_and_name() -> None:
    found = of_revision(
        [
            resource("istiod-1-28-2"),
            resource("istio-reader-1-28-2-istio-system"),
            resource("labelled", metadata={"labels": {"istio.io/rev": "1-28-2"}}),
            resource("injected", metadata={"annotations": {"istio.io/rev": "1-28-2"}}),
            resource("istiod-1-28-20"),
            resource("other", metadata={"labels": {"istio.io/rev": "1-29-1"}}),
        ],
        "1-28-2",
    )
    names = ["injected", "istio-reader-1-28-2-istio-system", "istiod-1-28-2", "labelled"]
    assert found == [f"Service n/{name}" for name in names]
    with pytest.raises(AssertionError, match="resources of revision 1-28-2 remain"):
        check_nothing_of_revision(found, "1-28-2")


def test_revision_whose_name_is_part_of_another_is_distinguished() -> None:
    resources = [
        resource("istiod-1-29-1", metadata={"labels": {"istio.io/rev": "1-29-1"}}),
        resource("istiod-1-29-1-again", metadata={"labels": {"istio.io/rev": "1-29-1-again"}}),
        resource("istio-reader-1-29-1-istio-system"),
        resource("istio-reader-1-29-1-again-istio-system"),
    ]
    mine = ["Service n/istio-reader-1-29-1-istio-system", "Service n/istiod-1-29-1"]
    assert of_revision(resources, "1-29-1") == mine
    assert len(of_revision(resources, "1-29-1-again")) == 2


def test_long_list_is_truncated() -> None:
    check_none([], "failures")
    with pytest.raises(AssertionError, match=r"(?s)25 failures:\s+0\s.*19\s+\.\.\. and 5 more"):
        check_none([str(number) for number in range(25)], "failures")
