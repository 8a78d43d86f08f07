"""Output of clusters, proxies and istioctl, and what a ledger records of it."""

from typing import Any

import pytest

from fixtures.ledger import cli_output, metrics, pods
from fixtures.ledger.iptables import rules_by_chain
from fixtures.ledger.normalize import chains, shaped
from fixtures.ledger.proxies import Subject, proxy
from fixtures.ledger.reference import reference
from fixtures.ledger.rules import ORDER
from suites.selftest.recordings import recorded

SUBJECT = Subject(hosts=("subject.test.svc", "subject.ledger.test"), address="10.96.1.2", ports=(8000, 9000))
TYPE = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"

PAGE = """<table><tr><th>Flags</th></tr>
<tr><td><code>--kubeconfig &lt;string&gt;</code></td><td>-c</td></tr></table>
<h3 id="istioctl-analyze">istioctl analyze</h3><p>Analyze</p>
<table class="command-flags"><tbody><tr><td><code>--kubeconfig &lt;string&gt;</code></td><td></td></tr>
<tr><td><code>--recursive</code></td><td><code>-R</code></td><td>Folders too</td></tr></tbody></table>
<h3 id="istioctl-version">istioctl version</h3>
<h2 id="envvars">Environment variables</h2><table>
<tr id='a'><td><a href='#a'><code>PILOT_HTTP10</code></a></td>
<td>Boolean</td><td><code>false</code></td><td>d</td></tr>
<tr id='b'><td><code>PLATFORM</code></td><td>String</td><td><code></code></td><td>d</td></tr></table>
<h2 id="metrics">Exported metrics</h2><table>
<tr><td><code>pilot_xds</code></td><td><code>LastValue</code></td><td>Number</td></tr></table>"""


def test_list_of_named_items_becomes_a_mapping_and_their_order() -> None:
    filters = [{"name": "router", "typed_config": {"@type": TYPE}}, {"name": "cors", "disabled": True}]
    router = {"@type": "envoy.extensions.filters.http.router.v3.Router"}
    assert shaped(filters) == {ORDER: ["router", "cors"], "router": router, "cors": {"disabled": True}}


def test_list_of_single_value_items_becomes_a_list_of_texts() -> None:
    assert shaped([{"prefix": "istio"}, {"safe_regex": {"regex": "a.*"}}]) == [
        "prefix: istio",
        "safe_regex.regex: a.*",
    ]


def test_other_items_are_numbered() -> None:
    assert shaped([{"a": 1, "b": 2}, {"a": 1}]) == {"1": {"a": 1, "b": 2}, "2": {"a": 1}}


def test_circuit_breakers_are_named_by_their_priority() -> None:
    assert shaped([{"max": 1, "b": 2}, {"priority": "HIGH", "max": 2}]) == {
        ORDER: ["DEFAULT", "HIGH"],
        "DEFAULT": {"max": 1, "b": 2},
        "HIGH": {"max": 2},
    }


def test_typed_struct_is_unwrapped() -> None:
    wrapped = {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": TYPE, "value": {"a": 1}}
    assert shaped(wrapped) == {"@type": "envoy.extensions.filters.http.router.v3.Router", "a": 1}


def test_filter_chains_are_named_by_their_match() -> None:
    tls = {"transport_protocol": "tls"}
    found = chains(
        [
            {"name": "in", "filter_chain_match": {**tls, "application_protocols": ["istio"]}},
            {"name": "in", "filter_chain_match": tls},
            {"name": "in", "filter_chain_match": tls},
            {},
        ]
    )
    assert list(found) == ["in tls by ALPN", "in tls", "in tls (2)", "unnamed"]


def dump(**parts: Any) -> dict[str, Any]:
    kinds = ("Bootstrap", "Clusters", "Listeners", "Routes")
    return {"configs": [{"@type": f"x.{kind}ConfigDump", **parts.get(kind, {})} for kind in kinds]}


def cluster(name: str) -> dict[str, Any]:
    return {"cluster": {"@type": "c", "name": name, "type": "EDS"}}


def listener(name: str, direction: str = "OUTBOUND") -> dict[str, Any]:
    return {"active_state": {"listener": {"name": name, "traffic_direction": direction}}}


def observed() -> dict[str, Any]:
    hosts = [
        {"name": "subject:8000", "domains": ["subject.test.svc", "10.96.1.2"]},
        {"name": "other:8000", "domains": ["other.test.svc"]},
        {"name": "allow_any", "domains": ["*"]},
    ]
    routes = [{"route_config": {"name": "8000", "virtual_hosts": hosts}}]
    routes += [{"route_config": {"name": "9090", "virtual_hosts": hosts[1:]}}]
    names = ("outbound|8000||subject.test.svc", "outbound|9090||prometheus.istio-system.svc", "inbound|80||")
    listeners = ("0.0.0.0_8000", "0.0.0.0_9090", "10.96.1.2_9000", "10.96.7.7_9000", "virtualOutbound")
    return dump(
        Bootstrap={"bootstrap": {"node": {"metadata": {"NAME": "a", "LABELS": {}}}, "admin": {"a": 1}}},
        Clusters={
            "static_clusters": [cluster("agent")],
            "dynamic_active_clusters": list(map(cluster, names)),
        },
        Listeners={
            "static_listeners": [{"listener": {"name": "0.0.0.0_15090"}}],
            "dynamic_listeners": [
                *map(listener, listeners),
                listener("0.0.0.0_8080", "INBOUND"),
                {"name": "gone"},
            ],
        },
        Routes={"dynamic_route_configs": routes},
    )


def test_only_the_subjects_and_common_proxy_configuration_is_recorded() -> None:
    found = proxy(observed(), "1.37.0", SUBJECT)
    assert list(found["clusters"]) == ["agent", "outbound|8000||subject.test.svc", "inbound|80||"]
    assert list(found["listeners"]) == [
        "0.0.0.0_15090",
        "0.0.0.0_8000",
        "10.96.1.2_9000",
        "virtualOutbound",
        "0.0.0.0_8080",
    ]
    assert list(found["routes"]) == ["8000"]
    assert found["routes"]["8000"]["virtual_hosts"][ORDER] == ["subject:8000", "allow_any"]


def test_only_the_names_of_node_metadata_are_recorded() -> None:
    found = proxy(observed(), "1.37.0", SUBJECT)["bootstrap"]
    assert found == {"admin": {"a": 1}, "node": {"metadata": ["LABELS", "NAME"]}}


def test_containers_are_listed_by_kind_and_the_apps_by_what_the_mesh_changes() -> None:
    found = pods.pod(INJECTED, "web")["containers"]
    assert {name: each["kind"] for name, each in found.items()} == {
        "istio-init": "init",
        "istio-proxy": "native sidecar",
        "the app's own": "container",
    }
    assert found["istio-proxy"]["environment"] == ["A", "B"]
    assert found["the app's own"].keys() == {"kind", "probes", "mounts"}


INJECTED: dict[str, Any] = {
    "metadata": {"labels": {"app": "subject"}, "annotations": {"sidecar.istio.io/status": "{}"}},
    "spec": {
        "initContainers": [
            {"name": "istio-init", "image": "proxyv2", "args": ["istio-iptables"]},
            {
                "name": "istio-proxy",
                "image": "proxyv2",
                "restartPolicy": "Always",
                "env": [{"name": "B", "value": "2"}, {"name": "A"}],
                "resources": {"requests": {"cpu": "50m"}, "limits": {}},
                "ports": [{"containerPort": 15090, "name": "http-envoy-prom"}],
            },
        ],
        "containers": [{"name": "web", "image": "nginx", "resources": {"requests": {"cpu": "10m"}}}],
        "volumes": [
            {"name": "token", "projected": {"sources": []}},
            {"name": "ca", "configMap": {"name": "istio-ca-crl", "optional": True}},
        ],
    },
}


def test_volumes_have_their_source() -> None:
    volumes = pods.pod(INJECTED, "web")["volumes"]
    assert volumes == {"token": "projected", "ca": "configMap istio-ca-crl optional"}


def test_resources_are_listed_by_container_without_the_apps() -> None:
    assert pods.resources(INJECTED, "web") == {"istio-init": {}, "istio-proxy": {"requests": {"cpu": "50m"}}}


def test_metrics_are_listed_by_type_and_labels() -> None:
    text = """# HELP requests Number
# TYPE requests counter
requests{code="200",path="a,b=\\"c\\""} 2
requests{code="404",reason="none"} 1
# TYPE seconds histogram
seconds_bucket{le="1",host="a"} 1
seconds_sum{host="a"} 1
seconds_count{host="a"} 1
# TYPE up_count gauge
up_count 1
"""
    assert metrics.families(text) == {
        "requests": "counter by code, path, reason",
        "seconds": "histogram by host",
        "up_count": "gauge",
    }


def test_real_proxy_metrics_have_the_standard_labels() -> None:
    told = metrics.families(recorded("stats-app.txt"))["envoy_istio_requests_total"]
    assert told.startswith("counter by connection_security_policy, destination_app, ")
    assert told.endswith(", source_workload, source_workload_namespace")


def test_chains_of_a_real_pod_are_in_order() -> None:
    found = rules_by_chain(recorded("iptables-nft.txt"))
    assert found["ISTIO_IN_REDIRECT"] == ["-p tcp -j REDIRECT --to-ports 15006"]
    assert found["ISTIO_OUTPUT"][-1] == "-j ISTIO_REDIRECT"
    assert found["POSTROUTING"] == []


def test_reference_has_commands_settings_and_metrics() -> None:
    found = reference(PAGE)
    assert cli_output.commands(found) == {
        "istioctl": ["--kubeconfig <string>"],
        "istioctl analyze": ["--recursive"],
        "istioctl version": [],
    }
    assert found.settings == {
        "PILOT_HTTP10": "boolean, false by default",
        "PLATFORM": "string, empty by default",
    }
    assert found.metrics == {"pilot_xds": "LastValue"}


def test_page_in_another_format_is_no_reference() -> None:
    with pytest.raises(ValueError, match="no settings"):
        reference("<h1>istioctl</h1>")
