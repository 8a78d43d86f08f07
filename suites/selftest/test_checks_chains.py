"""The chains that annotations and install values call for, on a pod injected by Istio 1.29.1."""

from dataclasses import replace
from typing import Any

import pytest

from fixtures.checks.chains import Capture, Family, check_chains, families
from fixtures.checks.iptables import NatTable, check_dns_captured, check_only_chains
from suites.selftest.recordings import recorded

INJECTED = NatTable(nft=recorded("iptables-nft.txt"), legacy=recorded("iptables-legacy.txt"))
PREFIX = "traffic.sidecar.istio.io/"
VALUES = {"global": {"proxy": {"includeIPRanges": "*", "includeInboundPorts": "*", "statusPort": 15020}}}
OUTPUT_HEAD = ":ISTIO_REDIRECT - [0:0]\n"


def pod(annotations: dict[str, str] | None = None, *, dns: bool = False) -> dict[str, Any]:
    env = [{"name": "ISTIO_META_DNS_CAPTURE", "value": "true"}] if dns else []
    containers = [{"name": "web"}, {"name": "istio-proxy", "env": env}]
    return {"metadata": {"annotations": annotations or {}}, "spec": {"containers": containers}}


def capture(annotations: dict[str, str] | None = None, *, dns: bool = False) -> Capture:
    return Capture.of(pod(annotations, dns=dns), VALUES)


def check(nat: NatTable, wanted: Capture, family: Family = 4) -> None:
    check_chains(nat, wanted.inbound())
    check_chains(nat, wanted.outbound(family))


def with_rule(rule: str, *, before: str) -> NatTable:
    assert before in INJECTED.nft
    return replace(INJECTED, nft=INJECTED.nft.replace(before, f"{rule}\n{before}", 1))


def without(rule: str) -> NatTable:
    assert rule in INJECTED.nft
    return replace(INJECTED, nft=INJECTED.nft.replace(f"{rule}\n", "", 1))


def changed(old: str, new: str) -> NatTable:
    assert old in INJECTED.nft
    return replace(INJECTED, nft=INJECTED.nft.replace(old, new))


def test_default_chains_are_as_called_for() -> None:
    check(INJECTED, capture())
    check_only_chains(INJECTED)


FIRST_OUT = "-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN"
BROKEN = {
    "nothing captured": with_rule("-A ISTIO_OUTPUT -j RETURN", before=FIRST_OUT),
    "outbound port excluded": with_rule(
        "-A ISTIO_OUTPUT -p tcp -m tcp --dport 80 -j RETURN", before=FIRST_OUT
    ),
    "redirect before the exceptions": with_rule("-A ISTIO_OUTPUT -j ISTIO_REDIRECT", before=FIRST_OUT),
    "redirect of envoy to itself": changed(
        "-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN\n", "-A ISTIO_OUTPUT -j ISTIO_REDIRECT\n"
    ),
    "no loopback rule": without("-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN"),
    "no rule for calls to itself": without(
        "-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --uid-owner 1337 "
        "-j ISTIO_IN_REDIRECT"
    ),
    "user 0 excepted": with_rule("-A ISTIO_OUTPUT -m owner --uid-owner 0 -j RETURN", before=FIRST_OUT),
    "inbound returns first": with_rule(
        "-A ISTIO_INBOUND -j RETURN", before="-A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN"
    ),
    "hook returns first": with_rule("-A OUTPUT -p tcp -j RETURN", before="-A OUTPUT -j ISTIO_OUTPUT"),
    "no jump from the hook": without("-A PREROUTING -p tcp -j ISTIO_INBOUND"),
    "another inbound port": changed("--to-ports 15006", "--to-ports 15066"),
    "inbound port excluded": changed("--dport 15090 -j RETURN", "--dport 80 -j RETURN"),
}


@pytest.mark.parametrize("nat", BROKEN.values(), ids=BROKEN.keys())
def test_chains_that_differ_fail(nat: NatTable) -> None:
    with pytest.raises(
        AssertionError, match="is not as the pod's annotations and the install values call for"
    ):
        check(nat, capture())


def test_order_of_exempted_ports_does_not_matter() -> None:
    first, second = "--dport 15090 -j RETURN", "--dport 15020 -j RETURN"
    swapped = INJECTED.nft.replace(first, "x").replace(second, first).replace("x", second)
    check(replace(INJECTED, nft=swapped), capture())


ANNOTATED = {
    "excludeOutboundPorts": (
        "3306, 9000",
        "ISTIO_OUTPUT",
        ["-p tcp -m tcp --dport 3306 -j RETURN", "-p udp -m udp --dport 3306 -j RETURN"],
    ),
    "excludeInboundPorts": ("9000", "ISTIO_INBOUND", ["-p tcp -m tcp --dport 9000 -j RETURN"]),
    "includeOutboundPorts": ("443", "ISTIO_OUTPUT", ["-p tcp -m tcp --dport 443 -j ISTIO_REDIRECT"]),
    "includeOutboundIPRanges": ("10.1.2.3/16", "ISTIO_OUTPUT", ["-d 10.1.0.0/16 -j ISTIO_REDIRECT"]),
    "excludeOutboundIPRanges": ("10.2.0.0/16,fd00::/8", "ISTIO_OUTPUT", ["-d 10.2.0.0/16 -j RETURN"]),
    "includeInboundPorts": ("80", "ISTIO_INBOUND", ["-p tcp -m tcp --dport 80 -j ISTIO_IN_REDIRECT"]),
    "excludeInterfaces": ("eth1", "PREROUTING", ["-i eth1 -j RETURN"]),
    "kubevirtInterfaces": ("net1", "PREROUTING", ["-i net1 -j ISTIO_REDIRECT", "-i net1 -j RETURN"]),
}


@pytest.mark.parametrize(("name", "case"), ANNOTATED.items(), ids=ANNOTATED.keys())
def test_annotation_calls_for_its_rules_and_the_default_chains_fail_it(
    name: str, case: tuple[str, str, list[str]]
) -> None:
    value, chain, rules = case
    wanted = capture({f"{PREFIX}{name}": value})
    found = {**wanted.inbound(), **wanted.outbound(4)}[chain]
    places = [found.index(rule) for rule in rules]
    assert places == sorted(places)
    with pytest.raises(AssertionError, match=f"{chain} is not as"):
        check_chains(INJECTED, {chain: found})


def test_values_of_the_installation_count_where_no_annotation_does() -> None:
    values = {"global": {"proxy": {"excludeOutboundPorts": "3306", "statusPort": 0}}}
    by_values = Capture.of(pod(), values)
    assert (by_values.excluded_outbound, by_values.excluded_inbound) == (("3306",), ("15090", "15021"))
    assert Capture.of(pod({f"{PREFIX}excludeOutboundPorts": ""}), values).excluded_outbound == ()


def test_cni_plugin_excludes_the_status_port_of_other_pods() -> None:
    """Where no annotation names outbound ports; istio-init excludes none."""
    by_plugin = pod()
    by_plugin["spec"]["initContainers"] = [{"name": "istio-validation"}]
    assert Capture.of(by_plugin, VALUES).excluded_outbound == ("15020",)
    by_plugin["metadata"]["annotations"] = {f"{PREFIX}excludeOutboundPorts": "3306"}
    assert Capture.of(by_plugin, VALUES).excluded_outbound == ("3306",)
    assert capture().excluded_outbound == ()


@pytest.mark.parametrize(
    ("annotations", "captured"),
    [
        ({}, True),
        ({"excludeInboundPorts": "80"}, False),
        ({"includeInboundPorts": "8080"}, False),
        ({"includeInboundPorts": "80"}, True),
    ],
    ids=["default", "excluded", "not included", "included"],
)
def test_port_is_captured_unless_the_annotations_leave_it_out(
    annotations: dict[str, str],
    captured: bool,
) -> None:
    wanted = capture({f"{PREFIX}{name}": value for name, value in annotations.items()})
    assert wanted.captures(80) is captured


@pytest.mark.parametrize(
    ("annotations", "captured"),
    [
        ({}, True),
        ({"excludeOutboundPorts": "80,443"}, False),
        ({"excludeOutboundIPRanges": "10.96.0.0/16"}, False),
        ({"includeOutboundIPRanges": "10.0.0.0/8"}, True),
        ({"includeOutboundIPRanges": "192.168.0.0/16"}, False),
        ({"includeOutboundIPRanges": "", "includeOutboundPorts": "80"}, True),
    ],
)
def test_outbound_traffic_is_captured_as_annotated(annotations: dict[str, str], captured: bool) -> None:
    wanted = capture({f"{PREFIX}{name}": value for name, value in annotations.items()})
    assert wanted.captures_outbound("10.96.1.2", 80) is captured


def test_ipv6_chains_have_their_own_loopback() -> None:
    rules = capture({f"{PREFIX}excludeOutboundIPRanges": "10.2.0.0/16,fd00::/8"}).outbound(6)["ISTIO_OUTPUT"]
    assert rules[0] == "-s ::6/128 -o lo -j RETURN"
    assert {"-d ::1/128 -j RETURN", "-d fd00::/8 -j RETURN"} <= set(rules)
    assert not any("127.0.0" in rule or "10.2" in rule for rule in rules)


def test_families_are_those_of_the_pods_addresses() -> None:
    assert families({"status": {"podIPs": [{"ip": "fd00::1"}, {"ip": "10.0.0.1"}]}}) == [4, 6]
    assert families({"status": {"podIP": "10.0.0.1"}}) == [4]


def test_unknown_interception_mode_fails() -> None:
    with pytest.raises(AssertionError, match="interception mode TPROXY"):
        capture({"sidecar.istio.io/interceptionMode": "TPROXY"})


DNS_RULES = (
    "-A ISTIO_OUTPUT_DNS -d 10.96.0.10/32 -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053\n"
    "-A ISTIO_OUTPUT_DNS -d 10.96.0.10/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053\n"
)


def test_dns_capture_calls_for_a_chain_of_its_own() -> None:
    nat = replace(
        INJECTED,
        nft=INJECTED.nft.replace(OUTPUT_HEAD, f"{OUTPUT_HEAD}:ISTIO_OUTPUT_DNS - [0:0]\n") + DNS_RULES,
    )
    check_only_chains(nat, dns=True)
    check_dns_captured(nat)
    assert "-j ISTIO_OUTPUT_DNS" in capture(dns=True).outbound(4)["ISTIO_OUTPUT"]
    with pytest.raises(AssertionError, match="ISTIO_OUTPUT_DNS"):
        check_only_chains(nat)


@pytest.mark.parametrize("rules", ["", DNS_RULES.splitlines()[0], DNS_RULES.replace("15053", "15054")])
def test_dns_requests_that_are_not_captured_fail(rules: str) -> None:
    with pytest.raises(AssertionError, match="does not redirect TCP and UDP"):
        check_dns_captured(replace(INJECTED, nft=INJECTED.nft + rules))
