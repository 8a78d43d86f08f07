"""Checks of a request from the pod's own network, and of a proxy's entries for one request."""

from typing import Any

import pytest

from fixtures.checks.access_log import check_flag, check_plain_upstream
from fixtures.checks.outbound import check_bypassed, check_seen

GATEWAY = "outbound|80||istio-ingressgateway.istio-system.svc.cluster.local"
OUT, BACK_IN = {"upstream_cluster": GATEWAY}, {"upstream_cluster": "inbound|80||"}
UNKNOWN = {"upstream_cluster": "PassthroughCluster"}


@pytest.mark.parametrize("entry", [OUT, UNKNOWN], ids=["to a Service", "to an unknown address"])
def test_request_that_envoy_sent_on_was_seen(entry: dict[str, Any]) -> None:
    check_seen([entry, BACK_IN])


@pytest.mark.parametrize("entries", [[], [BACK_IN], [OUT, OUT]], ids=["none", "only back in", "twice"])
def test_request_that_envoy_did_not_send_on_once_fails(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(AssertionError, match="times on its way out"):
        check_seen(entries)


def test_request_that_reached_the_gateway_directly_bypassed_envoy() -> None:
    check_bypassed([OUT], [BACK_IN])


def test_captured_request_of_the_proxys_user_fails() -> None:
    with pytest.raises(AssertionError, match="Envoy captured the request"):
        check_bypassed([OUT], [OUT, BACK_IN])


def test_request_that_reached_no_gateway_fails() -> None:
    with pytest.raises(AssertionError, match="the gateway logged the request 0 times"):
        check_bypassed([], [])


def test_response_flag_is_the_only_one_of_the_only_entry() -> None:
    check_flag([{"response_flags": "NR"}], "NR")


@pytest.mark.parametrize("flags", [[], ["-"], ["NR", "NR"], ["UF,URX"]], ids=str)
def test_other_response_flags_fail(flags: list[str]) -> None:
    with pytest.raises(AssertionError, match="the marked request has the response flags"):
        check_flag([{"response_flags": each} for each in flags], "NR")


@pytest.mark.parametrize("peer", [None, "", "-"])
def test_upstream_without_identity_got_plain_text(peer: str | None) -> None:
    check_plain_upstream({"upstream_peer": peer})  # type: ignore[dict-item]


def test_upstream_with_an_identity_fails() -> None:
    with pytest.raises(AssertionError, match="identified itself as 'spiffe://"):
        check_plain_upstream({"upstream_peer": "spiffe://cluster.local/ns/test/sa/default"})


def test_log_without_the_upstreams_identity_proves_nothing() -> None:
    with pytest.raises(AssertionError, match="does not log the upstream's identity"):
        check_plain_upstream({"path": "/"})
