"""Checks of the outcome of a request."""

from dataclasses import replace

import pytest

from fixtures.checks.responses import (
    SILENT_BEHIND_A_PROXY,
    check_each,
    check_no_route,
    check_page,
    check_redirected,
    check_served_by_mesh,
    check_silence,
    check_status,
)
from fixtures.clients.http import Kind, Outcome

URL = "http://127.0.0.1:30080/"


def response(status: int, text: str = "", server: str = "istio-envoy") -> Outcome:
    headers = {"server": server}
    return Outcome(
        method="GET", url=URL, kind="status", elapsed=0.01, status=status, headers=headers, text=text
    )


def no_response(kind: Kind) -> Outcome:
    return Outcome(method="GET", url=URL, kind=kind, elapsed=0.01, cause="ConnectionError: ...")


def test_expected_status_returns_the_outcome() -> None:
    outcome = response(200)
    assert check_status(outcome, 200) is outcome


def test_other_status_fails_with_the_request() -> None:
    with pytest.raises(AssertionError, match=r"200 expected, got GET http://127\.0\.0\.1:30080/: status 503"):
        check_status(response(503), 200)


def test_missing_response_fails_with_its_kind() -> None:
    with pytest.raises(AssertionError, match=r"200 expected, got .*: reset"):
        check_status(no_response("reset"), 200)


def test_page_is_recognised_by_its_text() -> None:
    check_page(response(200, "<h1>Welcome to nginx!</h1>"), "Welcome to nginx!")


def test_other_page_fails() -> None:
    with pytest.raises(AssertionError, match=r"no 'Welcome to nginx!' in the page of .*'It works!'"):
        check_page(response(200, "It works!"), "Welcome to nginx!")


def test_error_page_fails() -> None:
    with pytest.raises(AssertionError, match="200 expected"):
        check_page(response(500, "Welcome to nginx!"), "Welcome to nginx!")


def test_response_from_the_app_itself_is_not_the_meshs() -> None:
    with pytest.raises(AssertionError, match=r"server: 'nginx/1.22.1', not 'istio-envoy'"):
        check_served_by_mesh(response(200, server="nginx/1.22.1"))


def test_gateways_own_404_passes_as_no_route() -> None:
    check_no_route(response(404))


def test_404_from_the_app_fails() -> None:
    with pytest.raises(AssertionError, match="empty body expected, got 9 characters"):
        check_no_route(response(404, "not found"))


@pytest.mark.parametrize("kind", SILENT_BEHIND_A_PROXY)
def test_expected_kind_of_missing_response_passes(kind: Kind) -> None:
    check_silence(no_response(kind), SILENT_BEHIND_A_PROXY)


@pytest.mark.parametrize("kind", ["timeout", "refused", "dns"])
def test_other_kind_of_missing_response_fails(kind: Kind) -> None:
    with pytest.raises(AssertionError, match=f"empty reply or reset expected, got .*: {kind}"):
        check_silence(no_response(kind), SILENT_BEHIND_A_PROXY)


def test_any_status_fails_where_no_response_is_expected() -> None:
    with pytest.raises(AssertionError, match=r"empty reply or reset expected, got .*: status 404"):
        check_silence(response(404), SILENT_BEHIND_A_PROXY)


def test_every_request_that_passes_returns_the_last_result() -> None:
    last = response(200, "Welcome to nginx! 2")
    assert (
        check_each([response(200, "Welcome to nginx!"), last], lambda each: check_page(each, "nginx")) is last
    )


def test_wrong_answers_among_right_ones_are_counted_by_their_kind() -> None:
    outcomes = [response(200), *[response(503)] * 3, no_response("reset")]
    with pytest.raises(
        AssertionError, match=r"4 of 5 requests failed:\n3 times: 200 expected.*503(?s:.*)1 times"
    ):
        check_each(outcomes, lambda each: check_status(each, 200))


def test_no_request_at_all_fails() -> None:
    with pytest.raises(AssertionError, match="no request was sent"):
        check_each([], lambda each: check_status(each, 200))


@pytest.mark.parametrize(
    ("status", "location", "told"),
    [
        (301, "https://shop.example/", None),
        (404, "https://shop.example/", "301 expected"),
        (301, "https://other.example/", "location: 'https://other.example/', not 'https://shop.example/'"),
        (301, "http://shop.example/", "location: 'http://shop.example/'"),
    ],
)
def test_redirect_leads_to_the_same_place_over_https(status: int, location: str, told: str | None) -> None:
    answer = replace(response(status), headers={"server": "istio-envoy", "location": location})
    if told is None:
        assert check_redirected(answer, "shop.example", "/") is answer
        return
    with pytest.raises(AssertionError, match=told):
        check_redirected(answer, "shop.example", "/")
