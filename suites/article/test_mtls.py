"""Mutual TLS between the proxies: by default next to plain text, under STRICT exclusively."""

from collections import deque
from collections.abc import Callable

import allure
import pytest

from fixtures.causes import CIRCUMSTANCES, INGRESS
from fixtures.checks.mtls import check_no_policy, check_peer, check_refused, refused_connections
from fixtures.checks.responses import SILENT_BEHIND_A_PROXY, check_page, check_served_by_mesh, check_silence
from fixtures.clients.kube import Kube, Resource
from fixtures.clients.proxy import Proxy
from fixtures.clients.tls import foreign_certificate
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.ingress import Ingress
from fixtures.settings import Names
from fixtures.stages import Observed
from fixtures.workloads.access_logs import MarkedRequest, newest_at_sidecar
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
    """There is no PeerAuthentication: a pod without a sidecar gets the page from the injected app."""
    check_no_policy(kube.get_all("security.istio.io/v1/PeerAuthentication"), app.declared.policies)
    url = app.url()
    cluster_waits.holds(
        lambda number: probe_pod.get_many(url, number),
        lambda answer: check_page(answer, names.page),
        "plain text is served",
        circumstances=CIRCUMSTANCES,
    )


@allure.title("The gateway identifies itself to the app by its service account")
def test_gateway_uses_mutual_tls_without_policy(
    mark_request: Callable[[], MarkedRequest], app: App, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """There is no PeerAuthentication: the sidecar receives the gateway's SPIFFE id by mutual TLS."""
    if app.declared.primary.headless:
        pytest.skip(
            "istiod decides on mutual TLS to a headless Service when configuration changes, not when "
            "its pods do; the gateway's identity is checked under STRICT"
        )
    marked, principal = mark_request(), app.gateway_principal if app.uses_mutual_tls else None
    cluster_waits.configured(
        lambda: check_peer(marked.at_sidecar(), principal),
        "the sidecar has logged the gateway's identity",
    )
    strict = "served" if app.accepts_plain_text_under_strict else "refused"
    shown = principal or "not identified, since a policy disables mutual TLS"
    observed(f"plain text served by default and {strict} under STRICT; the gateway is {shown}")


@allure.title("Under STRICT the gateway identifies itself to the app")
def test_gateway_uses_mutual_tls_under_strict(
    strict_mtls: list[Resource],
    mark_request: Callable[[], MarkedRequest],
    app: App,
    cluster_waits: ClusterWaits,
) -> None:
    """STRICT is applied: the sidecar receives the gateway's SPIFFE id, unless a policy disables TLS."""
    principal = app.gateway_principal if app.uses_mutual_tls else None
    # A proxy writes its log once a second, and an attempt takes a fifth of that.
    recent: deque[MarkedRequest] = deque(maxlen=10)

    def identified() -> None:
        recent.append(mark_request())
        check_peer(newest_at_sidecar(recent), principal)

    cluster_waits.configured(identified, "the sidecar has logged the gateway's identity under STRICT")


@allure.title("Under STRICT plain text gets a reset or an empty reply")
@pytest.mark.parametrize("place", ["Service", "pod"])
def test_plain_text_is_refused_under_strict(
    strict_mtls: list[Resource], app: App, probe_pod: ProbePod, cluster_waits: ClusterWaits, place: str
) -> None:
    """STRICT is applied: a pod without a sidecar gets a reset or an empty reply, save on an excepted port."""
    url = app.url() if place == "Service" else app.pod_url()
    excepted = app.accepts_plain_text_under_strict
    cluster_waits.holds(
        lambda number: probe_pod.get_many(url, number),
        lambda answer: (
            check_page(answer, app.names.page) if excepted else check_silence(answer, SILENT_BEHIND_A_PROXY)
        ),
        f"plain text to the {place} {'is served' if excepted else 'gets a reset or an empty reply'}",
        circumstances=CIRCUMSTANCES,
    )


@allure.title("Under STRICT TLS without a client certificate is refused")
def test_tls_without_a_client_certificate_is_refused_under_strict(
    strict_mtls: list[Resource], app: App, probe_pod: ProbePod, cluster_waits: ClusterWaits
) -> None:
    """STRICT is applied: a pod without a sidecar gets no HTTP response over TLS without a certificate."""
    if app.accepts_plain_text_under_strict:
        pytest.skip("a policy excepts the app's port from STRICT, so the app itself answers there")
    url = app.url(scheme="https")
    cluster_waits.holds(
        lambda number: probe_pod.get_many(url, number),
        lambda answer: check_silence(answer, ("tls", *SILENT_BEHIND_A_PROXY)),
        "TLS without a client certificate is refused",
        circumstances=CIRCUMSTANCES,
    )


@allure.title("Under STRICT TLS with a certificate of another authority is refused")
def test_tls_with_a_foreign_certificate_is_refused_under_strict(
    strict_mtls: list[Resource], app: App, probe_pod: ProbePod, cluster_waits: ClusterWaits
) -> None:
    """STRICT is applied: a client certificate of another authority than istiod gets no HTTP response."""
    if not app.uses_mutual_tls:
        pytest.skip("a policy disables mutual TLS at the app's port, so its sidecar expects no TLS there")
    url, certificate = app.url(scheme="https"), foreign_certificate()
    cluster_waits.holds(
        lambda number: probe_pod.get_many(url, number, certificate),
        lambda answer: check_silence(answer, ("tls", *SILENT_BEHIND_A_PROXY)),
        "TLS with a foreign client certificate is refused",
        circumstances=CIRCUMSTANCES,
    )


@allure.title("Under STRICT the sidecar counts connections without a filter chain")
def test_sidecar_counts_refused_connections(
    strict_mtls: list[Resource], sidecar: Proxy, app: App, probe_pod: ProbePod, cluster_waits: ClusterWaits
) -> None:
    """STRICT is in effect: no_filter_chain_match grows by exactly the one request sent."""
    if app.accepts_plain_text_under_strict:
        pytest.skip("a policy excepts the app's port from STRICT, so no connection to it is refused")
    url = app.pod_url()
    cluster_waits.served(
        lambda: check_silence(probe_pod.get(url), SILENT_BEHIND_A_PROXY),
        "plain text is refused",
        circumstances=CIRCUMSTANCES,
    )
    before = refused_connections(sidecar.stats())
    probe_pod.get(url)
    check_refused(before, refused_connections(sidecar.stats()), sent=1)


@allure.title("Under STRICT the app is still served through the gateway")
def test_gateway_is_served_under_strict(
    strict_mtls: list[Resource],
    virtual_service: list[Resource],
    ingress: Ingress,
    names: Names,
    cluster_waits: ClusterWaits,
) -> None:
    """STRICT is applied: GET / through the ingress returns the app's page, several times in a row."""
    cluster_waits.holds(
        ingress.get_many,
        lambda answer: check_page(check_served_by_mesh(answer), names.page),
        "the app is served through gateway and sidecar under STRICT",
        reproduce=ingress.command(),
        circumstances=INGRESS,
    )
