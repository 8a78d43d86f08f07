"""Kiali shows the traffic graph, Jaeger shows a trace for each request, and the dashboards show data."""

import allure
import pytest

from fixtures.checks.dashboards import (
    check_healthy,
    check_panels_show_data,
    check_served,
    check_understood,
)
from fixtures.checks.graph import check_drawn_in_mesh, check_in_mesh, check_only_edges
from fixtures.checks.tracing import check_traces, describe
from fixtures.clients.grafana import Grafana
from fixtures.clients.kiali import Kiali
from fixtures.clients.kube import Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.dashboards import Dashboards
from fixtures.mesh.kiali_graph import KialiGraph
from fixtures.mesh.snapshot import AFTER, MeshSnapshots
from fixtures.stages import Observed
from fixtures.workloads.app import App
from fixtures.workloads.traces import TracedRequests

pytestmark = pytest.mark.stage("graph")


@allure.title("Each request has one trace with spans of gateway and sidecar")
def test_each_trace_has_spans_of_gateway_and_sidecar(
    traced_requests: TracedRequests, app: App, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """N requests passed the ingress: Jaeger has N traces, each with spans of gateway and sidecar."""
    gateway, sidecars = app.senders_of_spans()
    traces = cluster_waits.eventually(
        lambda: check_traces(
            traced_requests.traces(gateway), traced_requests.mark, gateway, sidecars, traced_requests.sent
        ),
        "each request has one trace with spans of gateway and sidecar",
        cluster_waits.timeouts.traces_visible,
    )
    observed(f"{len(traces)} requests traced; {describe(traces[0])}")


@allure.title("Kiali shows only the edge from the gateway to the app")
def test_kiali_shows_only_the_edge_from_gateway_to_app(
    kiali_graph: KialiGraph,
    app: App,
    cluster_waits: ClusterWaits,
    observed: Observed,
    mesh_snapshots: MeshSnapshots,
) -> None:
    """All requests pass the ingress: the only edge of the graph leads from gateway to app."""
    edge, *_ = cluster_waits.eventually(
        lambda: check_only_edges(kiali_graph.graph(), app.edges_from_gateway()),
        "Kiali shows only the edge from the gateway to the app",
        cluster_waits.timeouts.traces_visible,
    )
    observed(f"{edge.source.name} to {edge.target.name}, {edge.mutual_tls:g}% mutual TLS")
    mesh_snapshots.look(AFTER, kiali_graph.requests)
    allure.attach(mesh_snapshots.picture(), "the mesh before and after injection", allure.attachment_type.SVG)


@allure.title("Kiali lists the workload in the mesh")
def test_kiali_lists_the_workload_in_mesh_after_injection(
    injected_app: Resource, kiali: Kiali, app: App, cluster_waits: ClusterWaits
) -> None:
    """The app is injected: Kiali lists the workload with a sidecar."""
    cluster_waits.counted(
        lambda: check_in_mesh(kiali.workloads(app.names.namespace), app.declared.workload.name),
        "Kiali lists the workload in the mesh",
    )


@allure.title("Kiali's graph shows gateway and workload in the mesh")
def test_kiali_graph_shows_gateway_and_app_in_mesh(
    kiali_graph: KialiGraph, app: App, cluster_waits: ClusterWaits
) -> None:
    """Requests go from the gateway to the app's sidecar: Kiali's graph shows both in the mesh."""
    gateway, name = app.edges_from_gateway()[0]
    graph = cluster_waits.eventually(
        lambda: check_drawn_in_mesh(kiali_graph.graph(), name),
        "Kiali's graph shows the workload in the mesh",
        cluster_waits.timeouts.traces_visible,
    )
    check_drawn_in_mesh(graph, gateway)


@allure.title("Prometheus accepts every query of Istio's dashboards")
def test_prometheus_accepts_every_dashboard_query(dashboards: Dashboards, observed: Observed) -> None:
    """The variables of Istio's Grafana dashboards are substituted: Prometheus accepts each query."""
    answers = dashboards.answers()
    check_understood(answers)
    observed(f"{len(answers)} queries of {len({each.query.dashboard for each in answers})} dashboards")


@allure.title("Every dashboard panel shows data, with listed exceptions")
def test_panels_of_the_dashboards_show_data(
    filled_dashboards: Dashboards, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """Requests were sent: every panel shows data, including HTTP, except the listed empty ones."""
    shown = cluster_waits.counted(
        lambda: check_panels_show_data(filled_dashboards.answers()), "the dashboard panels show data"
    )
    observed(f"{len(shown)} panels show data")


@allure.title("Grafana is healthy")
def test_grafana_is_healthy(grafana: Grafana, cluster_waits: ClusterWaits) -> None:
    """The add-ons are deployed: Grafana has its database, by its own health API."""
    cluster_waits.counted(lambda: check_healthy(grafana.health()), "Grafana is healthy")


@allure.title("Every dashboard panel shows data through Grafana, with listed exceptions")
def test_panels_show_data_through_grafana(
    dashboards_in_grafana: Dashboards, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """Requests were sent: every panel's query answers through Grafana's own API, as in a browser."""
    shown = cluster_waits.counted(
        lambda: check_panels_show_data(dashboards_in_grafana.answers()), "the panels show data in Grafana"
    )
    observed(f"{len(shown)} panels show data through Grafana")


@allure.title("Grafana serves Istio's dashboards")
def test_grafana_serves_the_dashboards_of_istio(
    grafana: Grafana, dashboards: Dashboards, cluster_waits: ClusterWaits
) -> None:
    """The add-ons are deployed: Grafana loads every dashboard that Istio ships."""
    cluster_waits.counted(
        lambda: check_served(grafana.dashboards(), dashboards.titles()), "Grafana has Istio's dashboards"
    )
