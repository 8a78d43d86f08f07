"""Checks of the nat table, on the output of iptables-save in a pod injected by Istio 1.29.1."""

from dataclasses import replace

import pytest

from fixtures.checks.iptables import (
    NatTable,
    check_captured,
    check_exempt_ports,
    check_no_istio_chains,
    check_one_injector,
    check_redirects,
)
from suites.selftest.recordings import recorded

INJECTED = NatTable(nft=recorded("iptables-nft.txt"), legacy=recorded("iptables-legacy.txt"))
PLAIN = NatTable(nft="", legacy=recorded("iptables-legacy.txt"))
LISTENING = [80, 15000, 15001, 15006, 15020, 15021, 15090]


def without(rule: str) -> NatTable:
    assert rule in INJECTED.nft
    return replace(INJECTED, nft=INJECTED.nft.replace(f"{rule}\n", ""))


def changed(old: str, new: str) -> NatTable:
    assert old in INJECTED.nft
    return replace(INJECTED, nft=INJECTED.nft.replace(old, new))


def test_injected_pod_passes_every_nat_check() -> None:
    check_redirects(INJECTED)
    check_exempt_ports(INJECTED)
    check_one_injector(INJECTED)
    check_captured(INJECTED, LISTENING)


def test_pod_without_istio_has_no_istio_chains() -> None:
    check_no_istio_chains(PLAIN)


def test_istio_chains_in_a_plain_pod_fail_with_the_whole_table() -> None:
    with pytest.raises(AssertionError, match=r"has Istio's chains(?s:.*)-A ISTIO_REDIRECT"):
        check_no_istio_chains(INJECTED)


def test_leftover_jump_without_its_chain_fails() -> None:
    nat = NatTable(nft="-A OUTPUT -j ISTIO_OUTPUT", legacy="")
    with pytest.raises(AssertionError, match="jumps to Istio's chains"):
        check_no_istio_chains(nat)


def test_inbound_redirect_to_another_port_fails() -> None:
    nat = changed("--to-ports 15006", "--to-ports 15066")
    with pytest.raises(AssertionError, match=r"ISTIO_IN_REDIRECT is .*15066"):
        check_redirects(nat)


def test_outbound_without_final_redirect_fails() -> None:
    with pytest.raises(AssertionError, match=r"ISTIO_OUTPUT ends in .*RETURN"):
        check_redirects(without("-A ISTIO_OUTPUT -j ISTIO_REDIRECT"))


def test_missing_exemption_fails() -> None:
    nat = without("-A ISTIO_INBOUND -p tcp -m tcp --dport 15090 -j RETURN")
    with pytest.raises(AssertionError, match=r"returns for \[15008, 15020, 15021\]"):
        check_exempt_ports(nat)


def test_additional_excluded_port_fails() -> None:
    nat = changed("--dport 15090 -j RETURN", "--dport 80 -j RETURN")
    with pytest.raises(AssertionError, match=r"returns for \[80, "):
        check_exempt_ports(nat)


def test_second_injector_in_the_legacy_table_fails() -> None:
    with pytest.raises(AssertionError, match=r"the chains are .*'ISTIO_INBOUND', 'ISTIO_INBOUND'"):
        check_one_injector(replace(INJECTED, legacy=INJECTED.nft))


def test_chains_of_another_mesh_fail() -> None:
    nat = changed(":ISTIO_INBOUND - [0:0]", ":PROXY_INIT_REDIRECT - [0:0]\n:ISTIO_INBOUND - [0:0]")
    with pytest.raises(AssertionError, match="PROXY_INIT_REDIRECT"):
        check_one_injector(nat)


def test_second_jump_fails() -> None:
    nat = changed("-A OUTPUT -j ISTIO_OUTPUT", "-A OUTPUT -j ISTIO_OUTPUT\n-A OUTPUT -j ISTIO_OUTPUT")
    with pytest.raises(AssertionError, match="the hooks have"):
        check_one_injector(nat)


def test_listening_port_that_no_chain_captures_fails() -> None:
    nat = changed("--dport 15090 -j RETURN", "--dport 80 -j RETURN")
    with pytest.raises(AssertionError, match=r"does not capture these listening ports: \{80: 'RETURN'\}"):
        check_captured(nat, LISTENING)


def test_ports_not_named_in_an_inclusion_list_are_not_captured() -> None:
    nat = changed("-A ISTIO_INBOUND -p tcp -j", "-A ISTIO_INBOUND -p tcp -m tcp --dport 80 -j")
    with pytest.raises(AssertionError, match=r"8080: 'accepted'"):
        check_captured(nat, [80, 8080])


def test_pod_without_listening_ports_fails() -> None:
    with pytest.raises(AssertionError, match="no process listens"):
        check_captured(INJECTED, [15020, 15021])


def test_rule_that_cannot_be_evaluated_fails() -> None:
    nat = changed("--dport 15008 -j RETURN", "-m multiport --dports 15008,80 -j RETURN")
    with pytest.raises(AssertionError, match="an unknown form"):
        check_captured(nat, [80])
