"""Checks of istio_requests_total, on counters of a gateway and a sidecar of the lab."""

from typing import Any

import pytest

from fixtures.checks.metrics import (
    Counts,
    check_growth,
    check_histogram,
    check_labels,
    check_measured,
    check_no_counter,
    check_not_grown,
    check_only,
    check_same_counts,
    check_scraped_since,
    counts_of_prometheus,
    counts_of_proxy,
    growth,
)
from suites.selftest.recordings import recorded

GATEWAY, APP = "istio-ingressgateway-1", "test-deployment-1"
PAIR = dict.fromkeys(("source", "destination"), ("istio-ingressgateway test-deployment",))


def counted() -> Counts:
    gateway = counts_of_proxy(GATEWAY, recorded("stats-gateway.txt"))
    return {**gateway, **counts_of_proxy(APP, recorded("stats-app.txt"))}


def of_app() -> Counts:
    return counts_of_proxy(APP, recorded("stats-app.txt"))


def as_vector(counts: Counts) -> list[dict[str, Any]]:
    scraped = {
        "__name__": "istio_requests_total",
        "instance": "10.244.0.9:15020",
        "namespace": "x",
        "job": "y",
    }
    return [{"metric": {**scraped, **dict(labels)}, "value": [1.5, str(n)]} for labels, n in counts.items()]


def with_one_more(counts: Counts, **labels: str) -> Counts:
    return {each: n + (each >= set(labels.items())) for each, n in counts.items()}


def test_proxy_counters_are_read_with_their_values() -> None:
    by_code = {dict(labels)["response_code"]: count for labels, count in of_app().items()}
    assert by_code == {"200": 4, "404": 3}


def test_prometheus_and_the_proxies_agree_on_the_same_counters() -> None:
    check_same_counts(counts_of_prometheus(as_vector(counted())), counted())


def test_lagging_scrape_fails_and_names_the_counter() -> None:
    seen = counts_of_prometheus(as_vector(of_app()))
    with pytest.raises(AssertionError, match=r"ahead of Prometheus by:(?s:.*)response_code='404'.* 1"):
        check_same_counts(seen, with_one_more(of_app(), response_code="404"))


def test_only_the_requested_pods_are_read_from_prometheus() -> None:
    assert counts_of_prometheus(as_vector(counted()), [APP]) == of_app()


def test_two_counters_with_the_same_labels_are_an_error() -> None:
    with pytest.raises(AssertionError, match="two counters with the same labels"):
        counts_of_prometheus([*as_vector(of_app()), *as_vector(of_app())])


def test_unchanged_counters_have_not_grown() -> None:
    assert growth(counted(), counted()) == {}


def test_new_counter_grows_by_its_value() -> None:
    assert sorted(growth({}, of_app()).values()) == [3, 4]


def test_vanished_counter_is_no_traffic_but_a_lower_one_is_a_loss() -> None:
    assert growth(of_app(), {}) == {}
    assert sorted(growth(with_one_more(of_app(), response_code="200"), of_app()).values()) == [-1]


def test_growth_by_exactly_the_requests_sent_passes() -> None:
    check_growth(growth({}, counted()), {"200": 4, "404": 3}, reporter="destination", pod=APP)


def test_additional_request_fails_with_its_response_code() -> None:
    grown = growth({}, with_one_more(of_app(), response_code="200"))
    with pytest.raises(
        AssertionError, match=r"\[\('200', 5\), \('404', 3\)\], not \[\('200', 4\), \('404', 3\)\]"
    ):
        check_growth(grown, {"200": 4, "404": 3}, reporter="destination")


def test_unexpected_response_code_fails() -> None:
    with pytest.raises(AssertionError, match=r"'404', 3"):
        check_growth(growth({}, of_app()), {"200": 4}, reporter="destination")


def test_no_growth_fails() -> None:
    with pytest.raises(AssertionError, match=r"is \[\], not .*all increases: nothing"):
        check_growth({}, {"200": 4}, reporter="destination")


def test_labels_with_the_right_values_pass() -> None:
    expected = {"connection_security_policy": "mutual_tls", "source_workload": "istio-ingressgateway"}
    check_labels(growth({}, of_app()), [expected], reporter="destination")


def test_label_with_another_value_fails() -> None:
    with pytest.raises(
        AssertionError, match=r"'connection_security_policy': 'mutual_tls'\} instead of .*'none'"
    ):
        check_labels(growth({}, of_app()), [{"connection_security_policy": "none"}], reporter="destination")


def test_labels_of_counters_without_growth_fail() -> None:
    with pytest.raises(AssertionError, match=r"no counter with .* grew"):
        check_labels({}, [{"connection_security_policy": "none"}], reporter="destination")


def test_growth_of_only_the_two_workloads_passes() -> None:
    check_only(growth({}, of_app()), PAIR)


def test_counter_that_is_gone_is_no_traffic() -> None:
    idle = frozenset({("reporter", "source"), ("destination_workload", "unknown")})
    check_only(growth({idle: 7}, of_app()), PAIR)
    with pytest.raises(AssertionError, match="no counter grew, so"):
        check_only({idle: -7}, PAIR)


def test_no_growth_does_not_pass_for_no_other_growth() -> None:
    with pytest.raises(AssertionError, match="no counter grew, so"):
        check_only({}, PAIR)


def test_growth_of_another_workload_fails() -> None:
    with pytest.raises(
        AssertionError, match=r"unexpected counters grew(?s:.*)destination_workload='unknown'"
    ):
        check_only(growth({}, counted()), PAIR)


def test_counters_of_only_the_gateway_pass() -> None:
    gateway = counts_of_proxy(GATEWAY, recorded("stats-gateway.txt"))
    check_no_counter(gateway, reporter="destination")


def test_premature_counter_fails() -> None:
    with pytest.raises(AssertionError, match=r"must not exist yet:(?s:.*)reporter='destination'"):
        check_no_counter(counted(), reporter="destination")


def sums(**by_reporter: int) -> list[dict[str, Any]]:
    return [{"metric": {"reporter": name}, "value": [1.5, str(n)]} for name, n in by_reporter.items()]


def test_counted_and_measured_requests_pass() -> None:
    check_measured(sums(source=3, destination=2), sums(destination=2, source=3))


@pytest.mark.parametrize(
    "measured",
    [sums(source=2), sums(), sums(source=3, destination=1)],
    ids=["fewer", "none", "another reporter"],
)
def test_unmeasured_requests_fail(measured: list[dict[str, Any]]) -> None:
    with pytest.raises(AssertionError, match=r"source.* 3.0.* requests were counted"):
        check_measured(sums(source=3), measured)


def test_no_counted_request_fails() -> None:
    with pytest.raises(AssertionError, match="no request was counted"):
        check_measured([], [])


SIZE = "istio_request_bytes"


def as_histogram(counts: Counts, mean: float = 100.0, **changed: int) -> list[dict[str, Any]]:
    """The three series of a histogram that matches these counters; `changed` adds to one of them."""
    return [
        {
            "metric": {"__name__": f"{SIZE}_{part}", **dict(labels), **bucket},
            "value": [1.5, str((n * mean if part == "sum" else n) + changed.get(part, 0))],
        }
        for labels, n in counts.items()
        for part, bucket in (
            ("count", {}),
            ("sum", {}),
            ("bucket", {"le": "0.5"}),
            ("bucket", {"le": "+Inf"}),
        )
    ]


def test_histogram_that_matches_the_counter_passes() -> None:
    check_histogram(counted(), SIZE, as_histogram(counted()), most=100)


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        ([], "other labels or counts"),
        (as_histogram(of_app()), "other labels or counts"),
        (as_histogram(counted(), count=1), "other labels or counts"),
        (as_histogram(counted(), bucket=1), r"the \+Inf bucket"),
        (as_histogram(counted(), mean=101), "mean 101 outside 1 to 100"),
        (as_histogram(counted(), mean=0), "mean 0 outside 1 to 100"),
    ],
    ids=["none", "one side only", "one more measured", "buckets differ", "too large", "nothing"],
)
def test_histogram_that_differs_from_the_counter_fails(samples: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_histogram(counted(), SIZE, samples, most=100)


def test_histogram_without_counted_requests_fails() -> None:
    with pytest.raises(AssertionError, match="no request was counted"):
        check_histogram({}, SIZE, [], most=100)


def test_each_pod_must_be_scraped_again() -> None:
    check_scraped_since({APP: 10.0, GATEWAY: 10.5}, {APP: 11.0, GATEWAY: 11.5})
    with pytest.raises(AssertionError, match=f"not scraped again yet: {GATEWAY}\n"):
        check_scraped_since({APP: 10.0, GATEWAY: 10.5}, {APP: 11.0, GATEWAY: 10.5})
    with pytest.raises(AssertionError, match="Prometheus has no counter of these pods"):
        check_scraped_since({}, {APP: 11.0})


def test_counter_that_grows_after_the_last_request_fails() -> None:
    check_not_grown(counted(), counted())
    check_not_grown(counted(), dict(list(counted().items())[1:]))
    labels = next(iter(counted()))
    late = {**counted(), labels: counted()[labels] + 1}
    with pytest.raises(AssertionError, match=r"counters grew although nothing was sent:(?s:.*) 1"):
        check_not_grown(counted(), late)
