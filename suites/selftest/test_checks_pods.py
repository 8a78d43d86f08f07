"""Checks of pods, on a plain and an injected pod as Kubernetes 1.35 reported them."""

from copy import deepcopy
from typing import Any

import pytest

from fixtures.checks.pods import (
    check_all_ready,
    check_captured_user,
    check_containers,
    check_injected,
    check_injector,
    check_only_owner,
    check_unchanged,
    digests,
)
from fixtures.settings import VALIDATION
from suites.selftest.recordings import recorded

PODS = recorded("pods.json")
PLAIN, INJECTED = PODS["plain"], PODS["injected"]


def as_container(pod: Any) -> Any:
    """The same pod with its proxy as an ordinary container, as before native sidecars."""
    changed = deepcopy(pod)
    init = changed["spec"]["initContainers"]
    changed["spec"]["containers"].append({"name": init.pop(1)["name"]})
    states = changed["status"]["initContainerStatuses"]
    changed["status"]["containerStatuses"].append(states.pop(1))
    return changed


def test_plain_pod_has_only_its_own_containers() -> None:
    check_containers(PLAIN, ["web"])


def test_native_sidecar_in_a_plain_pod_fails_with_the_whole_pod() -> None:
    with pytest.raises(AssertionError, match=r"init containers \['istio-init', 'istio-proxy'\]"):
        check_containers(INJECTED, ["web"])


def test_sidecar_among_the_containers_fails() -> None:
    with pytest.raises(AssertionError, match=r"containers are not \['web'\]"):
        check_containers(as_container(INJECTED), ["web"])


def test_same_pod_is_unchanged() -> None:
    check_unchanged(PLAIN, before=PLAIN)


def test_replaced_pod_fails() -> None:
    with pytest.raises(AssertionError, match=r"was pod .*k2k2z.* now pod .*wfq9j"):
        check_unchanged(INJECTED, before=PLAIN)


@pytest.mark.parametrize(
    "change",
    [
        {"containerID": "containerd://other"},
        {"restartCount": 1},
        {"state": {"running": {"startedAt": "later"}}},
    ],
    ids=["container", "restarts", "start"],
)
def test_restarted_container_fails(change: dict[str, Any]) -> None:
    restarted = deepcopy(PLAIN)
    restarted["status"]["containerStatuses"][0].update(change)
    with pytest.raises(AssertionError, match="was pod"):
        check_unchanged(restarted, before=PLAIN)


@pytest.mark.parametrize("pod", [INJECTED, as_container(INJECTED)], ids=["native sidecar", "container"])
def test_native_and_ordinary_sidecars_are_accepted(pod: Any) -> None:
    check_injected(pod, ["web"])
    check_all_ready(pod)


def test_pod_without_proxy_fails() -> None:
    with pytest.raises(AssertionError, match="istio-proxy is not the only sidecar"):
        check_injected(PLAIN, ["web"])


def test_proxy_without_its_init_container_fails() -> None:
    pod = deepcopy(INJECTED)
    del pod["spec"]["initContainers"][0]
    with pytest.raises(AssertionError, match="istio-init is not the only init container"):
        check_injected(pod, ["web"])


def test_init_container_is_the_one_of_the_installation() -> None:
    """With Istio's CNI plugin, istio-validation checks the chains, and istio-init would set them up again."""
    pod = deepcopy(INJECTED)
    pod["spec"]["initContainers"][0]["name"] = VALIDATION
    check_injected(pod, ["web"], init=VALIDATION)
    with pytest.raises(AssertionError, match="istio-init is not the only init container"):
        check_injected(pod, ["web"])
    with pytest.raises(AssertionError, match="istio-validation is not the only init container"):
        check_injected(INJECTED, ["web"], init=VALIDATION)


def test_two_sidecars_fail() -> None:
    pod = deepcopy(INJECTED)
    pod["spec"]["containers"].append({"name": "linkerd-proxy"})
    with pytest.raises(AssertionError, match="not the only sidecar"):
        check_injected(pod, ["web"])


def test_unready_proxy_fails_by_name() -> None:
    pod = deepcopy(INJECTED)
    pod["status"]["initContainerStatuses"][1]["ready"] = False
    with pytest.raises(AssertionError, match=r"\['istio-proxy'\] not ready"):
        check_all_ready(pod)


def test_pod_without_status_is_not_ready() -> None:
    with pytest.raises(AssertionError, match=r"\['web'\] not ready"):
        check_all_ready({"metadata": PLAIN["metadata"], "spec": PLAIN["spec"]})


def test_own_init_and_helper_containers_are_no_injection() -> None:
    pod = deepcopy(INJECTED)
    pod["spec"]["initContainers"].append({"name": "migrate", "image": "own"})
    pod["spec"]["containers"].append({"name": "shipper", "image": "own"})
    check_injected(pod, ["web", "shipper"], ["migrate"])
    with pytest.raises(AssertionError, match="istio-init is not the only init container"):
        check_injected(pod, ["web", "shipper"])
    with pytest.raises(AssertionError, match=r"the app's containers \['cache'\] are missing"):
        check_injected(pod, ["web", "shipper", "cache"], ["migrate"])


def test_init_container_that_the_template_lacks_fails() -> None:
    pod = deepcopy(PLAIN)
    check_containers(pod, ["web"])
    pod["spec"]["initContainers"] = [{"name": "migrate", "image": "own"}]
    check_containers(pod, ["web"], ["migrate"])
    with pytest.raises(AssertionError, match=r"init containers are not \[\]"):
        check_containers(pod, ["web"])


def test_containers_of_other_users_are_captured() -> None:
    check_captured_user(INJECTED, {"web": {0, 101}}, 1337)


def test_container_with_a_process_of_the_proxys_user_fails() -> None:
    with pytest.raises(AssertionError, match=r"traffic of containers \['web'\] is not captured"):
        check_captured_user(INJECTED, {"web": {0, 1337}}, 1337)


@pytest.mark.parametrize("field", ["runAsUser", "runAsGroup"])
@pytest.mark.parametrize("place", ["container", "pod"])
def test_init_container_of_the_proxys_user_or_group_fails(place: str, field: str) -> None:
    pod = deepcopy(INJECTED)
    own: dict[str, Any] = {"name": "migrate", "image": "own"}
    pod["spec"]["initContainers"].append(own)
    (own if place == "container" else pod["spec"])["securityContext"] = {field: 1337}
    with pytest.raises(AssertionError, match=r"\['migrate'\] is not captured"):
        check_captured_user(pod, {"web": {0}}, 1337)


def test_only_replica_set_is_the_pods_owner() -> None:
    pod = {**PLAIN, "metadata": {**PLAIN["metadata"], "ownerReferences": [{"name": "app-1"}]}}
    check_only_owner([{"metadata": {"name": "app-1"}}], [pod])
    with pytest.raises(
        AssertionError, match=r"ReplicaSets or StatefulSets \['app-1', 'app-2'\], and \['app-1'\] own"
    ):
        check_only_owner([{"metadata": {"name": "app-2"}}, {"metadata": {"name": "app-1"}}], [pod])


def injected_by(revision: str, **annotations: str) -> Any:
    pod = deepcopy(INJECTED)
    status = f'{{"initContainers":["istio-init","istio-proxy"],"containers":null,"revision":"{revision}"}}'
    pod["metadata"]["annotations"] = {"sidecar.istio.io/status": status, **annotations}
    return pod


def test_sidecar_of_the_installed_revision_passes() -> None:
    check_injector(injected_by("default"), "default", "docker.io/istio/proxyv2:1.29.1")


@pytest.mark.parametrize("pod", [INJECTED, injected_by("old")], ids=["no annotation", "another revision"])
def test_sidecar_of_another_injector_fails(pod: Any) -> None:
    with pytest.raises(AssertionError, match=r"names revision (None|'old'), not 'default'"):
        check_injector(pod, "default", "docker.io/istio/proxyv2:1.29.1")


def test_sidecar_with_another_image_fails() -> None:
    with pytest.raises(
        AssertionError, match=r"expected image docker\.io/istio/proxyv2:1\.30\.4, found .*1\.29\.1"
    ):
        check_injector(injected_by("default"), "default", "docker.io/istio/proxyv2:1.30.4")


def test_image_that_the_pod_asks_for_is_expected() -> None:
    image = {"sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1.29.1"}
    check_injector(injected_by("default", **image), "default", "docker.io/istio/proxyv2:1.30.4")


def test_digest_of_each_running_image_is_read() -> None:
    def running(image: str, identity: str) -> Any:
        return {"status": {"containerStatuses": [{"image": image, "imageID": identity}]}}

    proxy = {"image": "proxyv2:1", "imageID": "docker.io/istio/proxyv2@sha256:aa"}
    sidecar = {"status": {"initContainerStatuses": [proxy]}}
    pods = [sidecar, running("nginx:1", "sha256:bb"), running("late:1", ""), {}]
    assert digests(pods) == {"proxyv2:1": "sha256:aa", "nginx:1": "sha256:bb"}
