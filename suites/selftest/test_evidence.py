"""Evidence of a failed phase: bounded, without secrets, never hiding the failure."""

import json
import threading

import pytest

from fixtures.evidence import Evidence, Limits, bounded, compact
from reports.redaction import redact

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl"
PODS = {
    "items": [
        {
            "metadata": {"name": "gateway-1", "namespace": "istio-system"},
            "spec": {"containers": [{"name": "istio-proxy"}]},
            "status": {"containerStatuses": [{"restartCount": 2}]},
        },
        {
            "metadata": {"name": "web-1", "namespace": "test-namespace"},
            "spec": {"containers": [{"name": "web"}]},
        },
        {"metadata": {"name": "other-1", "namespace": "elsewhere"}, "spec": {"containers": [{"name": "x"}]}},
    ]
}


def kubectl(*arguments: str) -> str:
    return json.dumps(PODS) if arguments[-2:] == ("-o", "json") else f"kubectl {' '.join(arguments)}"


def istioctl(*arguments: str) -> str:
    return f"istioctl {' '.join(arguments)}"


def of_a_cluster(limits: Limits | None = None) -> Evidence:
    evidence = Evidence(limits or Limits())
    evidence.add_cluster(kubectl=kubectl, istioctl=istioctl, namespaces=("test-namespace", "istio-system"))
    return evidence


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        pytest.param(f"cert\n{KEY}\nmore", "MIIEow", id="private-key"),
        pytest.param(f"cert\n{KEY[:40]}", "MIIEow", id="private-key-cut-off"),
        pytest.param(f"value: {TOKEN}", "eyJ", id="service-account-token"),
        pytest.param("Authorization: Bearer abcdefghijkl", "abcdefghijkl", id="bearer"),
        pytest.param(
            "kubeadm join --token abcdef.0123456789abcdef", "0123456789abcdef", id="bootstrap-token"
        ),
        pytest.param('"ca-key.pem": "TFMwdExTMUNSVWRK"', "TFMwdExTMUNSVWRK", id="secret-data"),
        pytest.param(r"{\"password\":\"correct-horse-battery\"}", "correct-horse", id="inside-an-annotation"),
        pytest.param("  client-key-data: TFMwdExTMUNSVWRK", "TFMwdExTMUNSVWRK", id="kubeconfig"),
    ],
)
def test_secret_is_removed(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "listener_127.0.0.1_15001 tls: false",
        "test-deployment-6c5d7f8b9-abcde   2/2   Running",
        "automountServiceAccountToken: false",
        "secretName: istio-ca-secret",
        "outbound|80||test-svc.test-namespace.svc.cluster.local",
    ],
)
def test_text_that_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_long_text_keeps_both_ends_and_states_what_is_missing() -> None:
    cut = bounded("a" * 1000 + "z" * 1000, 100)
    assert cut.startswith("a" * 50)
    assert cut.endswith("z" * 50)
    assert "1900 characters left out" in cut


def test_failed_collector_reports_it_in_its_attachment() -> None:
    evidence = Evidence()

    def fails() -> str:
        raise KeyError("uid")

    evidence.add("the pod's uid", fails)
    (piece,) = evidence.collect()
    assert piece.name == "the pod's uid"
    assert piece.text == "This could not be collected: KeyError: 'uid'"


def test_hanging_collector_takes_no_longer_than_its_limit() -> None:
    evidence = Evidence(Limits(seconds=0.05))
    released = threading.Event()
    evidence.add("hangs", lambda: str(released.wait(5)))
    (piece,) = evidence.collect()
    released.set()
    assert piece.text == "This could not be collected: it took too long."


def test_whole_cluster_is_read_in_the_order_of_its_namespaces() -> None:
    names = [piece.name for piece in of_a_cluster().collect()]
    assert names[:4] == ["events", "pods", "describe pods in test-namespace", "describe pods in istio-system"]
    assert {"proxy-status", "istioctl analyze", "config_dump of istio-system/gateway-1"} < set(names)
    assert {"listeners of istio-system/gateway-1", "clusters of istio-system/gateway-1"} < set(names)
    assert names.index("log of test-namespace/web-1") < names.index("log of istio-system/gateway-1")


def test_previous_logs_are_read_only_for_restarted_containers() -> None:
    previous = [piece.name for piece in of_a_cluster().collect() if piece.name.startswith("previous")]
    assert previous == ["previous log of istio-system/gateway-1"]


def test_unstarted_container_withholds_no_other_log() -> None:
    logs = [piece.text for piece in of_a_cluster().collect() if "log of" in piece.name]
    assert logs
    assert all("--ignore-errors" in log for log in logs)


@pytest.mark.parametrize(
    ("dump", "told"),
    [
        ('{"configs": [{"a": 1,\n "b": []}, {}]}', '{"a":1,"b":[]}\n{}'),
        ("no admin interface", "no admin interface"),
        ('{"other": 1}', '{"other": 1}'),
    ],
)
def test_configuration_has_one_line_for_each_part(dump: str, told: str) -> None:
    assert compact(dump) == told


def test_pods_of_other_namespaces_are_not_collected() -> None:
    assert not [
        piece for piece in of_a_cluster().collect() if "other-1" in piece.text and "log" in piece.name
    ]


def test_unresponsive_cluster_yields_one_attachment_that_says_so() -> None:
    evidence = Evidence()

    def refused(*_arguments: str) -> str:
        raise ConnectionRefusedError("127.0.0.1:6443")

    evidence.add_cluster(kubectl=refused, istioctl=refused, namespaces=("istio-system",))
    (piece,) = evidence.collect()
    assert "ConnectionRefusedError: 127.0.0.1:6443" in piece.text


def test_attachments_past_the_limit_are_named() -> None:
    pieces = of_a_cluster(Limits(pieces=3)).collect()
    assert [piece.name for piece in pieces][3:] == ["evidence left out"]
    assert "proxy-status" in pieces[-1].text


def test_later_failures_refer_to_the_state_of_the_first_ones() -> None:
    evidence = of_a_cluster(Limits(failures=1))
    assert len(evidence.collect()) > 5
    assert [piece.name for piece in evidence.collect()] == ["evidence left out"]


def test_nothing_is_collected_from_a_deleted_cluster() -> None:
    evidence = of_a_cluster()
    evidence.forget()
    assert evidence.collect() == []
