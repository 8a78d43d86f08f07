"""Secrets known to this process are removed wherever they appear, whatever their form."""

import base64
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from fixtures.plugins import redaction
from reports.redaction import known, redact, remember, remember_documents, remember_environment

VALUE = "open sesame/1+2"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without remembered values."""
    monkeypatch.setattr(known, "_memory", known._Memory())


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        quote(VALUE, safe=""),
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(f"bob:{VALUE}".encode()).decode(),
        base64.urlsafe_b64encode(f"x{VALUE}yz".encode()).decode(),
    ],
)
def test_remembered_value_is_removed_plain_and_encoded(form: str) -> None:
    text = f"said {form} there"
    assert redact(text) == text
    remember(VALUE)
    assert form[8:-4] not in redact(text)
    assert redact(text).startswith("said ")


def test_value_remembered_after_a_text_was_redacted_is_removed_from_it() -> None:
    text = f"the file says {VALUE}"
    assert redact(text) == text
    remember(VALUE)
    assert VALUE not in redact(text)


def test_short_value_is_not_remembered() -> None:
    remember("admin")
    assert redact("user admin") == "user admin"


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", VALUE, VALUE),
        ("https_proxy", "http://bob:sesame%2F1@proxy:3128", "sesame%2F1"),
        ("ALL_PROXY", "http://bob:sesame%2F1@proxy:3128", "sesame/1"),
        ("SETTINGS", "first http://a second http://bob:sesame-1@proxy", "sesame-1"),
    ],
)
def test_environment_value_is_remembered_by_its_name_or_url(name: str, value: str, secret: str) -> None:
    remember_environment({name: value, "HOME": "/home/somebody", "TOKEN_FILE": "/run/secrets/token"})
    assert secret not in redact(f"said {secret} there")
    assert redact("/home/somebody /run/secrets/token") == "/home/somebody /run/secrets/token"


@pytest.mark.parametrize(
    "document",
    [
        f"kind: Secret\nstringData:\n  any: {VALUE}",
        f"kind: Secret\ndata:\n  any: {base64.b64encode(VALUE.encode()).decode()}",
        f"users:\n- name: a\n  user: {{password: {VALUE}}}",
        f"spec:\n  containers:\n  - env:\n    - name: API_TOKEN\n      value: {VALUE}",
        f"kind: ConfigMap\n---\nvalues: {{adminPassword: {VALUE}}}",
    ],
)
def test_secret_of_a_users_document_is_remembered(document: str) -> None:
    remember_documents(document)
    assert VALUE not in redact(f"said {VALUE} there")


def test_invalid_document_is_ignored() -> None:
    remember_documents("{{ no: yaml")
    assert redact("no yaml") == "no yaml"


def test_secrets_in_the_users_manifests_are_remembered(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "mine.yaml").write_text(f"kind: Secret\nstringData: {{any: '{VALUE}'}}")
    redaction._remember_files(tmp_path)
    assert VALUE not in redact(f"said {VALUE} there")


def test_kubeconfig_credentials_are_remembered_when_a_fixture_returns_it(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(f"users:\n- name: a\n  user: {{token: '{VALUE}'}}")
    hook = redaction.pytest_fixture_setup()
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(SimpleNamespace(kubeconfig=kubeconfig))
    assert VALUE not in redact(f"said {VALUE} there")
