"""Causes in metrics, traces and access logs."""

from typing import Any

import pytest

from fixtures.causes import likely
from suites.selftest.views import Recorded, endpoints, namespace, resource, service

DECLARED = """
accessLogFile: /dev/stdout
extensionProviders:
- name: jaeger
  opentelemetry: {service: jaeger-collector.istio-system.svc.cluster.local, port: 4317}
"""


def with_mesh_config(mesh: str = DECLARED, **kinds: list[Any]) -> Recorded:
    """A cluster with this MeshConfig and a working collector."""
    there = {
        "Namespace": [namespace("istio-system")],
        "ConfigMap": [resource("istio", "istio-system", data={"mesh": mesh})],
        "Service": [service("jaeger-collector", "istio-system", [4317], app="jaeger")],
        "EndpointSlice": [endpoints("jaeger-collector", "istio-system")],
    }
    return Recorded({**there, **kinds})


def telemetry(provider: str, signal: str = "tracing") -> Any:
    return resource("tracing", "istio-system", spec={signal: [{"providers": [{"name": provider}]}]})


def target(url: str, pod: str = "app", **rest: Any) -> Any:
    labels = {"__meta_kubernetes_namespace": "test-namespace", "__meta_kubernetes_pod_name": pod}
    return {"health": "up", "scrapeUrl": url, "scrapePool": "pods", "discoveredLabels": labels, **rest}


def kiali(url: str) -> Any:
    config = f"external_services: {{prometheus: {{url: '{url}'}}}}"
    return resource("kiali", "istio-system", data={"config.yaml": config})


def test_provider_that_mesh_config_lacks_is_named() -> None:
    told = str(likely(with_mesh_config(Telemetry=[telemetry("zipkin")])))
    assert told == (
        "provider missing in MeshConfig: Telemetry istio-system/tracing names zipkin for tracing, "
        "which MeshConfig does not declare (declared: jaeger)"
    )


@pytest.mark.parametrize(("provider", "signal"), [("jaeger", "tracing"), ("prometheus", "metrics")])
def test_declared_or_built_in_provider_is_no_cause(provider: str, signal: str) -> None:
    assert likely(with_mesh_config(Telemetry=[telemetry(provider, signal)])) is None


def test_collector_without_endpoints_is_named() -> None:
    told = str(likely(with_mesh_config(Telemetry=[telemetry("jaeger")], EndpointSlice=[])))
    assert told.startswith(
        "collector without endpoints: provider jaeger sends spans to jaeger-collector.istio-system"
    )
    assert "but Service istio-system/jaeger-collector has no ready endpoint" in told


def test_collector_without_service_is_named() -> None:
    told = str(likely(with_mesh_config(Telemetry=[telemetry("jaeger")], Service=[])))
    assert "but Service istio-system/jaeger-collector does not exist" in told


def test_unused_collector_is_no_cause() -> None:
    assert "collector" not in str(likely(with_mesh_config(Service=[], EndpointSlice=[])))


def test_default_collector_of_mesh_config_is_named() -> None:
    told = likely(with_mesh_config(f"{DECLARED}defaultProviders: {{tracing: [jaeger]}}", EndpointSlice=[]))
    assert str(told).startswith("collector without endpoints")


def test_kiali_with_a_missing_prometheus_service_is_named() -> None:
    mesh = with_mesh_config()
    mesh.kinds["ConfigMap"].append(kiali("http://promtheus.istio-system:9090"))
    assert likely(mesh) == (
        "Kiali queries the wrong Prometheus: Kiali queries metrics at http://promtheus.istio-system:9090, "
        "but Service istio-system/promtheus does not exist"
    )


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://prometheus.istio-system:9090", ""),
        ("http://prometheus.istio-system", ""),
        ("https://metrics.example/prometheus", ""),
        ("http://prometheus.istio-system:9091", "a port that Service istio-system/prometheus does not have"),
    ],
)
def test_kiali_with_an_existing_service_is_a_cause_only_by_its_port(url: str, cause: str) -> None:
    mesh = with_mesh_config()
    mesh.kinds["ConfigMap"].append(kiali(url))
    mesh.kinds["Service"].append(service("prometheus", "istio-system", [9090], app="prometheus"))
    mesh.kinds["EndpointSlice"].append(endpoints("prometheus", "istio-system"))
    assert cause in str(likely(mesh))
    assert (likely(mesh) is None) is not bool(cause)


def test_scrape_target_that_is_down_is_named() -> None:
    down = target("http://10.244.0.9:15020/stats", health="down", lastError="connection refused")
    assert likely(Recorded(scraped=[down])) == (
        "scrape target down: Prometheus cannot scrape http://10.244.0.9:15020/stats: connection refused"
    )


def test_pod_scraped_twice_is_named() -> None:
    twice = [
        target("http://10.244.0.9:15020/stats/prometheus"),
        target("http://10.244.0.9:15090/stats/prometheus", scrapePool="envoy-stats"),
    ]
    assert likely(Recorded(scraped=twice)) == (
        "scraped twice: pod test-namespace/app is scraped 2 times: "
        "http://10.244.0.9:15020/stats/prometheus (job pods), "
        "http://10.244.0.9:15090/stats/prometheus (job envoy-stats)"
    )


def test_another_pod_or_the_apps_own_port_is_not_a_second_scrape() -> None:
    apart = [
        target("http://10.244.0.9:15020/stats/prometheus"),
        target("http://10.244.0.9:8080/metrics"),
        target("http://10.244.0.8:15020/stats/prometheus", "other"),
        {"health": "up", "scrapeUrl": "http://10.244.0.9:15020/stats/prometheus"},
    ]
    assert likely(Recorded(scraped=apart)) is None


def test_disabled_access_logs_are_named() -> None:
    assert likely(with_mesh_config("enableTracing: true")) == (
        "perhaps access logs are off: MeshConfig in ConfigMap istio-system/istio has no accessLogFile, "
        "so proxies log no requests"
    )


def test_access_logs_enabled_by_telemetry_or_in_another_config_map_are_no_cause() -> None:
    asked = with_mesh_config("enableTracing: true", Telemetry=[telemetry("envoy", "accessLogging")])
    other = Recorded({"ConfigMap": [resource("other", "istio-system", data={"mesh": "{}"})]})
    assert [likely(asked), likely(other), likely(with_mesh_config())] == [None, None, None]
