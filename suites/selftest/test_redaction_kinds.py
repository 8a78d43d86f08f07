"""Redaction removes a secret of every kind, in every notation, and keeps its context."""

import pytest

from reports.redaction import MARK, redact
from suites.selftest.secret_cases import Case
from suites.selftest.secret_texts import KINDS


def cases(kind: str) -> list[object]:
    return [pytest.param(each, id=each.name) for each in KINDS[kind]]


def assert_is_removed(case: Case) -> None:
    clean = redact(case.text)
    assert not [secret for secret in case.secrets if secret in clean], clean
    assert not [text for text in case.stays if text not in clean], clean
    assert MARK in clean
    assert redact(clean) == clean


@pytest.mark.parametrize("case", cases("named"))
def test_value_of_a_secret_field_is_removed(case: Case) -> None:
    assert_is_removed(case)


@pytest.mark.parametrize("case", cases("pairs"))
def test_value_beside_a_secret_name_is_removed(case: Case) -> None:
    assert_is_removed(case)


@pytest.mark.parametrize("case", cases("headers"))
def test_credentials_in_a_header_are_removed(case: Case) -> None:
    assert_is_removed(case)


@pytest.mark.parametrize("case", cases("urls"))
def test_credentials_in_a_url_are_removed_and_the_host_stays(case: Case) -> None:
    assert_is_removed(case)


@pytest.mark.parametrize("case", cases("blocks"))
def test_private_key_is_removed_complete_or_truncated(case: Case) -> None:
    assert_is_removed(case)


@pytest.mark.parametrize("case", cases("encodings"))
def test_encoded_secret_is_removed(case: Case) -> None:
    assert_is_removed(case)


@pytest.mark.parametrize("case", cases("tokens"))
def test_token_is_removed_without_a_name(case: Case) -> None:
    assert_is_removed(case)
