"""Checks of what a request came to."""

import pytest

from fixtures.checks.responses import (
    SILENT_BEHIND_A_PROXY,
    check_no_route,
    check_page,
    check_served_by_mesh,
    check_silence,
    check_status,
)
from fixtures.clients.http import Kind, Outcome

URL = "http://127.0.0.1:30080/"


def answer(status: int, text: str = "", server: str = "istio-envoy") -> Outcome:
    headers = {"server": server}
    return Outcome(
        method="GET", url=URL, kind="status", elapsed=0.01, status=status, headers=headers, text=text
    )


def silence(kind: Kind) -> Outcome:
    return Outcome(method="GET", url=URL, kind=kind, elapsed=0.01, cause="ConnectionError: ...")


def test_the_expected_status_gives_the_outcome_back() -> None:
    outcome = answer(200)
    assert check_status(outcome, 200) is outcome


def test_another_status_is_told_with_the_request() -> None:
    with pytest.raises(AssertionError, match=r"200 expected, got GET http://127\.0\.0\.1:30080/: status 503"):
        check_status(answer(503), 200)


def test_no_answer_is_told_by_its_kind_where_a_status_is_expected() -> None:
    with pytest.raises(AssertionError, match=r"200 expected, got .*: reset"):
        check_status(silence("reset"), 200)


def test_the_page_is_recognised_by_its_text() -> None:
    check_page(answer(200, "<h1>Welcome to nginx!</h1>"), "Welcome to nginx!")


def test_another_page_is_told() -> None:
    with pytest.raises(AssertionError, match=r"no 'Welcome to nginx!' in the page of .*'It works!'"):
        check_page(answer(200, "It works!"), "Welcome to nginx!")


def test_the_page_of_an_error_is_not_the_page() -> None:
    with pytest.raises(AssertionError, match="200 expected"):
        check_page(answer(500, "Welcome to nginx!"), "Welcome to nginx!")


def test_an_answer_of_the_app_itself_is_not_the_meshs() -> None:
    with pytest.raises(AssertionError, match=r"server: 'nginx/1.22.1', not 'istio-envoy'"):
        check_served_by_mesh(answer(200, server="nginx/1.22.1"))


def test_the_gateways_own_404_passes_as_no_route() -> None:
    check_no_route(answer(404))


def test_the_apps_404_is_not_the_gateways() -> None:
    with pytest.raises(AssertionError, match="empty body expected, got 9 characters"):
        check_no_route(answer(404, "not found"))


@pytest.mark.parametrize("kind", SILENT_BEHIND_A_PROXY)
def test_silence_for_an_expected_reason_passes(kind: Kind) -> None:
    check_silence(silence(kind), SILENT_BEHIND_A_PROXY)


@pytest.mark.parametrize("kind", ["timeout", "refused", "dns"])
def test_silence_for_another_reason_is_told(kind: Kind) -> None:
    with pytest.raises(AssertionError, match=f"empty reply or reset expected, got .*: {kind}"):
        check_silence(silence(kind), SILENT_BEHIND_A_PROXY)


def test_any_status_breaks_the_silence() -> None:
    with pytest.raises(AssertionError, match=r"empty reply or reset expected, got .*: status 404"):
        check_silence(answer(404), SILENT_BEHIND_A_PROXY)
