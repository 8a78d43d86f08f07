"""Checks of access logs, mutual TLS, and the remains of a purge."""

import json
from typing import Any

import pytest

from fixtures.checks.access_log import check_line, check_one, check_request_id, check_same_request, of_proxy
from fixtures.checks.cluster import MeshTraces
from fixtures.checks.mtls import check_no_policy, check_peer, check_refused, refused_connections
from fixtures.checks.remains import check_no_proxy, check_no_workload, check_purged, check_remains, remains
from fixtures.settings import ISTIO_CRDS
from suites.selftest.recordings import recorded

MARK, PATH = "mark-1", "/?mark-1"
ID = "0f0d8d7c-4f0d-9e9a-8a55-2f8f2a2f0b6e"
GATEWAY = "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"
ENTRY = {
    "path": PATH,
    "user_agent": MARK,
    "request_id": ID,
    "downstream_peer": GATEWAY,
    "tls_version": "TLSv1.3",
}
NGINX = f'10.244.0.7 - - [23/Nov/2026:12:00:00 +0000] "GET {PATH} HTTP/1.1" 200 615 "-" "{MARK}"'
REFUSED = 'envoy_listener_no_filter_chain_match{listener_address="0.0.0.0_15006"} 4'


def log(*entries: object) -> str:
    return "\n".join(["2026-11-23T12:00:00Z\tinfo\tEnvoy proxy is ready", *map(json.dumps, entries)])


def test_marked_entry_is_found_among_others() -> None:
    other = {**ENTRY, "user_agent": "curl"}
    assert check_one(of_proxy(log(other, ENTRY), MARK), PATH, "log") == ENTRY


def test_marked_entry_with_another_path_fails() -> None:
    with pytest.raises(AssertionError, match=r"log has \['/\?mark-1', '/other'\] for the mark"):
        check_one(of_proxy(log(ENTRY, {**ENTRY, "path": "/other"}), MARK), PATH, "log")


def test_missing_entry_fails() -> None:
    with pytest.raises(AssertionError, match=r"log has \[\] for the mark"):
        check_one(of_proxy(log(), MARK), PATH, "log")


def test_line_of_the_apps_own_log_is_found_in_any_of_its_pods() -> None:
    others = NGINX.replace(MARK, "kube-probe")
    assert check_line([others, f"{NGINX}\n{others}\n"], MARK, PATH) == NGINX


@pytest.mark.parametrize(("logs", "told"), [([], "0 times"), ([NGINX, NGINX], "2 times")])
def test_app_that_logs_a_request_twice_or_never_fails(logs: list[str], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_line(logs, MARK, PATH)


def test_app_that_sees_another_path_fails() -> None:
    with pytest.raises(AssertionError, match="has no /elsewhere in its line"):
        check_line([NGINX], MARK, "/elsewhere")


def test_request_id_that_is_no_uuid_fails() -> None:
    assert check_request_id(ENTRY) == ID
    with pytest.raises(AssertionError, match="the request id '' is not a UUID"):
        check_request_id({**ENTRY, "request_id": ""})


def test_other_request_id_fails() -> None:
    check_same_request(ENTRY, ID)
    with pytest.raises(AssertionError, match=f"the request id is '{ID}', not 'x'"):
        check_same_request(ENTRY, "x")


def test_gateway_identity_is_required_with_tls() -> None:
    check_peer(ENTRY, GATEWAY)
    with pytest.raises(AssertionError, match="the peer is None"):
        check_peer({**ENTRY, "downstream_peer": None}, GATEWAY)  # type: ignore[dict-item]
    with pytest.raises(AssertionError, match="the TLS version is ''"):
        check_peer({**ENTRY, "tls_version": ""}, GATEWAY)


@pytest.mark.parametrize("empty", [None, "", "-"])
def test_connection_without_tls_has_no_peer(empty: str | None) -> None:
    plain: Any = {**ENTRY, "downstream_peer": empty, "tls_version": empty}
    check_peer(plain, None)
    with pytest.raises(AssertionError, match=r"the connection is TLS of spiffe"):
        check_peer(ENTRY, None)
    with pytest.raises(AssertionError, match="no field for the peer's identity"):
        check_peer({"path": PATH}, None)


def test_every_refused_connection_must_be_counted() -> None:
    assert refused_connections(REFUSED) == 4
    with pytest.raises(AssertionError, match="is not counted"):
        refused_connections("")


def test_additional_refused_connection_fails() -> None:
    check_refused(4, 5, sent=1)
    with pytest.raises(AssertionError, match="grew by 2, from 4 to 6, not by the 1 sent"):
        check_refused(4, 6, sent=1)


def test_existing_policy_fails() -> None:
    check_no_policy([])
    with pytest.raises(AssertionError, match=r"PeerAuthentications exist: .*a/b"):
        check_no_policy([{"metadata": {"namespace": "a", "name": "b"}}])


def test_remaining_webhook_fails() -> None:
    check_purged(MeshTraces(namespaces=["istio-system"]), ["istio-system"])
    with pytest.raises(AssertionError, match=r"the uninstallation leaves .*istio-sidecar-injector"):
        check_purged(
            MeshTraces(webhooks=["istio-sidecar-injector"], namespaces=["istio-system"]), ["istio-system"]
        )


def test_crds_that_helm_keeps_must_remain() -> None:
    kept = MeshTraces(crds=[*ISTIO_CRDS], namespaces=["istio-system"])
    check_purged(kept, ["istio-system"], with_crds=True)
    with pytest.raises(AssertionError, match="the uninstallation leaves"):
        check_purged(kept, ["istio-system"])
    with pytest.raises(AssertionError, match=r"removes the CRDs \[.*virtualservices.*\], which it must keep"):
        check_purged(MeshTraces(namespaces=["istio-system"]), ["istio-system"], with_crds=True)


def test_remaining_workload_fails_but_addon_passes() -> None:
    names = [{"metadata": {"namespace": "istio-system", "name": name}} for name in ("istiod", "prometheus")]
    with pytest.raises(AssertionError, match=r"Deployments in istio-system: \['istiod'\]"):
        check_no_workload(names, ["istio-system"], ["prometheus"])
    check_no_workload(names[1:], ["istio-system"], ["prometheus"])


def test_remaining_proxy_fails() -> None:
    pods = recorded("pods.json")
    check_no_proxy([pods["plain"]])
    with pytest.raises(AssertionError, match="the purge leaves pods with a proxy"):
        check_no_proxy([pods["plain"], pods["injected"]])


def test_unexpected_and_missing_remains_are_listed() -> None:
    left = [{"metadata": {"namespace": "istio-system", "name": name}} for name in ("a", "kube-root-ca.crt")]
    found = remains({"ConfigMap": left}, "istio-system")
    check_remains(found, ["ConfigMap/istio-system/a"])
    with pytest.raises(
        AssertionError, match=r"unexpected after the purge: \['ConfigMap/istio-system/a'\]; missing: \['x'\]"
    ):
        check_remains(found, ["x"])


def test_node_lease_is_no_istio_remains_whatever_the_nodes_name() -> None:
    lease = {"metadata": {"namespace": "kube-node-lease", "name": "istio-conformance-1-control-plane"}}
    assert remains({"Lease": [lease]}, "istio-system") == []


def test_cluster_role_named_after_istio_remains() -> None:
    roles = [{"metadata": {"name": name}} for name in ("istiod-clusterrole-istio-system", "view")]
    found = remains({"ClusterRole": roles}, "istio-system")
    assert found == ["ClusterRole/istiod-clusterrole-istio-system"]
    with pytest.raises(AssertionError, match=r"unexpected after the purge: \['ClusterRole/istiod"):
        check_remains(found, [])
