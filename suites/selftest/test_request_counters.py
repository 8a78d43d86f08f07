"""The baseline of the request counters: taken when Prometheus and the proxies agree on nonzero counts."""

from typing import Any, cast

import pytest

from fixtures.clients.prometheus import Prometheus
from fixtures.clients.proxy import Proxy
from fixtures.workloads.request_counters import CountedRequests, RequestCounters
from suites.selftest.recordings import recorded


class Stats:
    """A proxy with these statistics."""

    def __init__(self, pod: str, text: str) -> None:
        self.namespace, self.pod, self.text = "test-namespace", pod, text

    def stats(self) -> str:
        return self.text


class Scraped:
    """A Prometheus with these counters, by pod and response code."""

    def __init__(self, *counts: tuple[str, str, int]) -> None:
        self.counts = counts

    def query(self, _: str) -> list[dict[str, Any]]:
        return [
            {"metric": {"pod": pod, "response_code": code}, "value": [1.5, str(count)]}
            for pod, code, count in self.counts
        ]


def stats(**counts: int) -> str:
    lines = [f'istio_requests_total{{response_code="{code[1:]}"}} {n}' for code, n in counts.items()]
    return "\n".join(["# TYPE istio_requests_total counter", *lines])


def counters(prometheus: Scraped, *proxies: Stats) -> RequestCounters:
    return RequestCounters(cast("Prometheus", prometheus), cast("list[Proxy]", list(proxies)))


def test_baseline_is_taken_once_prometheus_agrees_with_the_proxies() -> None:
    prometheus = Scraped(("app", "200", 4), ("other", "200", 7))
    assert sorted(counters(prometheus, Stats("app", stats(c200=4))).agreed().values()) == [4, 7]


def test_no_baseline_while_prometheus_lags() -> None:
    with pytest.raises(AssertionError, match="proxies are ahead of Prometheus"):
        counters(Scraped(("app", "200", 3)), Stats("app", stats(c200=4))).agreed()


def test_no_baseline_while_a_proxy_has_counted_nothing() -> None:
    with pytest.raises(AssertionError, match="the proxy of test-namespace/app has counted nothing yet"):
        counters(Scraped(), Stats("app", recorded("iptables-legacy.txt"))).agreed()


def test_growth_is_counted_from_the_baseline() -> None:
    before = counters(Scraped(("app", "200", 4)), Stats("app", stats(c200=4))).agreed()
    later = counters(Scraped(("app", "200", 24)), Stats("app", stats(c200=24)))
    assert list(CountedRequests({"200": 20}, before, later).growth().values()) == [20]


def test_the_proxies_own_growth_does_not_wait_for_prometheus() -> None:
    before = counters(Scraped(), Stats("app", stats(c200=4))).own()
    later = counters(Scraped(("app", "200", 4)), Stats("app", stats(c200=24)))
    assert list(CountedRequests({"200": 20}, before, later).growth_of_proxies().values()) == [20]


def test_scrape_times_are_those_of_the_proxies() -> None:
    prometheus = Scraped(("app", "", 20), ("other", "", 21))
    assert counters(prometheus, Stats("app", stats(c200=4))).scrape_times() == {"app": 20.0}
