"""Mutual TLS between the proxies: by Istio's default beside plain text, by STRICT alone."""

from collections.abc import Callable

import allure
import pytest

from fixtures.checks.mtls import check_no_policy, check_peer, check_refused, refused_connections
from fixtures.checks.responses import SILENT_BEHIND_A_PROXY, check_page, check_served_by_mesh, check_silence
from fixtures.clients.kube import Kube, Resource
from fixtures.clients.proxy import Proxy
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.ingress import Ingress
from fixtures.settings import Names
from fixtures.stages import Observed
from fixtures.workloads.access_logs import MarkedRequest
from fixtures.workloads.app import App
from fixtures.workloads.probe_pod import ProbePod

pytestmark = pytest.mark.stage("mtls")


@allure.title("Without a PeerAuthentication plain text is served")
def test_plain_text_is_served_without_policy(
    injected_app: Resource,
    app: App,
    probe_pod: ProbePod,
    kube: Kube,
    names: Names,
    cluster_waits: ClusterWaits,
) -> None:
    """No PeerAuthentication is there: a pod without a sidecar gets the page from the injected app."""
    check_no_policy(kube.get_all("security.istio.io/v1/PeerAuthentication"))
    url = app.url()
    cluster_waits.served(lambda: check_page(probe_pod.get(url), names.page), "plain text is served")


@allure.title("The gateway speaks to the app as its own service account")
def test_gateway_speaks_mutual_tls_without_policy(
    mark_request: Callable[[], MarkedRequest], app: App, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """No PeerAuthentication is there: the sidecar sees the gateway's SPIFFE id, by mutual TLS."""
    marked, principal = mark_request(), app.labels_as_destination()["source_principal"]
    cluster_waits.configured(
        lambda: check_peer(marked.at_sidecar(), principal),
        "the sidecar has logged the gateway's identity",
    )
    observed(f"plain text served by default and refused under STRICT; the gateway is {principal}")


@allure.title("Under STRICT plain text is reset or empty")
def test_plain_text_is_refused_under_strict(
    strict_mtls: list[Resource], app: App, probe_pod: ProbePod, cluster_waits: ClusterWaits
) -> None:
    """STRICT is applied: a pod without a sidecar gets no HTTP answer, by a reset or an empty reply."""
    url = app.url()
    cluster_waits.served(
        lambda: check_silence(probe_pod.get(url), SILENT_BEHIND_A_PROXY), "plain text is reset or empty"
    )


@allure.title("Under STRICT the sidecar counts what no filter chain takes")
def test_sidecar_counts_refused_connections(
    strict_mtls: list[Resource], sidecar: Proxy, app: App, probe_pod: ProbePod, cluster_waits: ClusterWaits
) -> None:
    """STRICT is applied and acts: no_filter_chain_match grows by exactly the one request sent."""
    url = app.url()
    cluster_waits.served(
        lambda: check_silence(probe_pod.get(url), SILENT_BEHIND_A_PROXY), "plain text is refused"
    )
    before = refused_connections(sidecar.stats())
    probe_pod.get(url)
    check_refused(before, refused_connections(sidecar.stats()), sent=1)


@allure.title("Under STRICT the gateway is still served")
def test_gateway_is_served_under_strict(
    strict_mtls: list[Resource],
    virtual_service: list[Resource],
    ingress: Ingress,
    names: Names,
    cluster_waits: ClusterWaits,
) -> None:
    """STRICT is applied: GET / through the ingress returns the app's page, several times in a row."""
    cluster_waits.served(
        lambda: check_page(check_served_by_mesh(ingress.get()), names.page),
        "the app is served through gateway and sidecar under STRICT",
        reproduce=ingress.command(),
    )
