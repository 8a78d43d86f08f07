"""Kiali draws who asked whom, Jaeger shows each request on its way, the dashboards show data."""

import allure
import pytest

from fixtures.checks.dashboards import check_panels_show_data, check_served, check_understood
from fixtures.checks.graph import check_drawn_in_mesh, check_in_mesh, check_only_edges
from fixtures.checks.tracing import check_traces, describe
from fixtures.clients.grafana import Grafana
from fixtures.clients.kiali import Kiali
from fixtures.clients.kube import Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.dashboards import Dashboards
from fixtures.mesh.kiali_graph import Drawing
from fixtures.mesh.snapshot import AFTER, MeshSnapshots
from fixtures.stages import Observed
from fixtures.workloads.app import App
from fixtures.workloads.traces import TracedRequests

pytestmark = pytest.mark.stage("graph")


@allure.title("One trace holds the spans of gateway and sidecar")
def test_one_trace_holds_the_spans_of_gateway_and_sidecar(
    traced_requests: TracedRequests, app: App, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """N requests went through the ingress: N traces, each with spans of the gateway and of the sidecar."""
    gateway, sidecar = app.senders_of_spans()
    traces = cluster_waits.eventually(
        lambda: check_traces(
            traced_requests.traces(gateway), traced_requests.mark, (gateway, sidecar), traced_requests.sent
        ),
        "each request has one trace with spans of gateway and sidecar",
        cluster_waits.timeouts.traces_visible,
    )
    observed(f"{len(traces)} requests traced; {describe(traces[0])}")


@allure.title("Kiali draws the edge from the gateway to the app, and no other")
def test_kiali_draws_only_the_edge_that_was_sent(
    drawing: Drawing, app: App, cluster_waits: ClusterWaits, observed: Observed, mesh_snapshots: MeshSnapshots
) -> None:
    """Requests go through the ingress and nowhere else: the graph's one edge leads from gateway to app."""
    (edge,) = cluster_waits.eventually(
        lambda: check_only_edges(drawing.graph(), [app.edge_from_gateway()]),
        "Kiali draws the edge from the gateway to the app, and no other",
        cluster_waits.timeouts.traces_visible,
    )
    observed(f"{edge.source.name} to {edge.target.name}, {edge.mutual_tls:g}% mutual TLS")
    mesh_snapshots.look(AFTER, drawing.requests)
    allure.attach(mesh_snapshots.picture(), "the mesh before and after injection", allure.attachment_type.SVG)


@allure.title("Kiali calls the workload in the mesh")
def test_kiali_calls_the_workload_in_the_mesh(
    injected_app: Resource, kiali: Kiali, app: App, cluster_waits: ClusterWaits
) -> None:
    """The app's pod has its sidecar: Kiali lists the workload with one."""
    cluster_waits.counted(
        lambda: check_in_mesh(kiali.workloads(app.names.namespace), app.names.deployment),
        "Kiali calls the workload in the mesh",
    )


@allure.title("Kiali draws gateway and workload in the mesh")
def test_kiali_draws_the_workload_in_the_mesh(
    drawing: Drawing, app: App, cluster_waits: ClusterWaits
) -> None:
    """Requests go from the gateway to the app's sidecar: Kiali draws both in the mesh."""
    gateway, name = app.edge_from_gateway()
    graph = cluster_waits.eventually(
        lambda: check_drawn_in_mesh(drawing.graph(), name),
        "Kiali draws the workload in the mesh",
        cluster_waits.timeouts.traces_visible,
    )
    check_drawn_in_mesh(graph, gateway)


@allure.title("Prometheus understands every query of Istio's dashboards")
def test_every_query_of_the_dashboards_is_understood(dashboards: Dashboards, observed: Observed) -> None:
    """Each query of Istio's dashboards for Grafana, its variables substituted, is answered."""
    answers = dashboards.answers()
    check_understood(answers)
    observed(f"{len(answers)} queries of {len({each.query.dashboard for each in answers})} dashboards")


@allure.title("Every panel of the dashboards shows data, save those named")
def test_panels_of_the_dashboards_show_data(
    filled_dashboards: Dashboards, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """Requests were sent: each panel shows data, those for HTTP among them, save what is named as empty."""
    shown = cluster_waits.counted(
        lambda: check_panels_show_data(filled_dashboards.answers()), "the panels of the dashboards show data"
    )
    observed(f"{len(shown)} panels show data")


@allure.title("Grafana serves Istio's dashboards")
def test_grafana_serves_the_dashboards_of_istio(
    grafana: Grafana, dashboards: Dashboards, cluster_waits: ClusterWaits
) -> None:
    """The add-ons run: each dashboard that Istio ships is one of Grafana's."""
    cluster_waits.counted(
        lambda: check_served(grafana.dashboards(), dashboards.titles()), "Grafana has Istio's dashboards"
    )
