"""Redaction keeps the evidence: ids, digests, certificates, references to Secrets, our own texts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.redaction import redact
from suites.selftest.secret_cases import BODY

ROOT = Path(__file__).resolve().parents[2]
KEPT = [
    "suites/upgrade/ledgers/lab/*.yaml", "suites/selftest/recorded/*", "manifests/**/*.yaml", "docs/**/*.md",
    "README.md", "CHANGELOG.md",
]  # fmt: skip
CERTIFICATE = "\n".join(["-----BEGIN CERTIFICATE-----", *BODY, "-----END CERTIFICATE-----"])


@pytest.mark.slow
@pytest.mark.parametrize("pattern", KEPT)
def test_recorded_files_contain_nothing_to_redact(pattern: str) -> None:
    files = [*ROOT.glob(pattern)]
    assert files
    assert [str(file) for file in files if redact(file.read_text()) != file.read_text()] == []


def project_strings() -> Iterator[str]:
    """Every string in the project's code."""
    for top in ("fixtures", "lab", "reports"):
        for file in (ROOT / top).rglob("*.py"):
            if "redaction" in str(file) or "sources" in str(file):
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


@pytest.mark.slow
def test_projects_own_texts_are_not_redacted() -> None:
    assert [text for text in project_strings() if redact(text) != text] == []


@pytest.mark.parametrize(
    "text",
    [
        "listener_127.0.0.1_15001 tls: false",
        "test-deployment-6c5d7f8b9-abcde   2/2   Running",
        "automountServiceAccountToken: false",
        "secretName: istio-ca-secret",
        "secret:\n  secretName: istio-ca-secret\n  defaultMode: 420",
        '"secret": {"secretName": "istio-ca-secret"}',
        "imagePullSecrets:\n- name: registry",
        '"token_bucket": {"max_tokens": 100, "tokens_per_fill": 100, "fill_interval": "1s"}',
        "- serviceAccountToken:\n    audience: istio-ca\n    expirationSeconds: 43200\n    path: istio-token",
        "outbound|80||test-svc.test-namespace.svc.cluster.local",
        "authorization.k8s.io: v1\nkind: SecretProviderClass\ndata:\n  a: b",
        "token: review failed",
        "user=system:serviceaccount:default:web",
        '{"from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}]}',
        "docker-pullable://registry:5000/image@sha256:" + "0a1b2c3d" * 8,
        "registry.example:5000/pilot:1.29.1@sha256:" + "0a1b2c3d" * 8,
        "x-request-id: 0f8fad5b-d9cb-469f-a165-70867728950e",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "pod-template-hash: 6c5d7f8b9\nuid: 0f8fad5b-d9cb-469f-a165-70867728950e",
        '"hash_policy": [{"cookie": {"name": "user", "ttl": "0s", "path": "/"}}]',
        "httpCookie: {name: user, ttl: 0s}",
        "AuthorizationPolicy test-namespace/deny: denies all",
        "AuthorizationPolicy: ALLOW\nRequestAuthentication: none",
        '"tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": {"ads": {}}}]',
        "DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false",
        "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {key: password, name: db}",
        "Type:  kubernetes.io/tls\n\nData\n====\ntls.crt:  1099 bytes\ntls.key:  1704 bytes",
        "credentialName: gateway-certs",
        "spiffe://cluster.local/ns/test-namespace/sa/default",
        "https://proxy.example/github.com/x/y/@v/v1.0.0.zip",
        "password: null\ntoken: ''\nsecret: {}\ncookie: []",
        "the password is required",
        "istiod.17f0a1b2c3d4e5f6",
        "test-namespace   istiod.18a0a1b2c3d4e5f6   Normal",
        'events.events.k8s.io "istiod.17f0a1b2c3d4e5f6" is forbidden',
        'www-authenticate: Bearer realm="https://auth.example",error="invalid_token"',
        "WWW-Authenticate: Basic realm=istio",
        "authorization: ALLOW",
        "authorization: DENY",
        "authorization: CUSTOM",
        "authorization: 403",
        "Authorization: AUDIT",
        "token: valid",
        "token: expired",
        "tls.key: no such file",
        "tls.key: No such file or directory",
        "assert {'token': 1} == {'token': 2}",
        "GET /cb?code=200&state=ready",
        "total_tokens: 4",
        "PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER: boolean, true by default",
        "TOKEN_AUDIENCES: string, istio-ca by default",
        "secrets:\n- name: default-token\nimagePullSecrets:\n- name: registry",
        "secrets:\n  name: default-token",
        "volumes:\n- secret:\n    secretName: a\n    optional: true",
        '{"secret": {"name": "tls"}, "secrets": [{"name": "x"}]}',
        "':path', '/'\n':authority', 'test-svc'\n'x-request-id', '0a1b2c3d'",
        "kind: ConfigMap\ndata:\n  mesh: |\n    a: b\n---\nkind: Service",
        '{"kind": "ConfigMap", "data": {"mesh": "a: b"}}',
        '\x1b[94m"name"\x1b[39m: \x1b[33m"istiod"\x1b[0m',
        "0a1b2c3d4e5f" * 5,
        "\n".join(f"{digit:064x}" for digit in range(16**62, 16**62 + 5)),
        CERTIFICATE,
        CERTIFICATE.replace("\n", "\\n"),
        "\n".join(CERTIFICATE.split("\n")[2:]),
        CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY"),
    ],
)
def test_evidence_is_unchanged(text: str) -> None:
    assert redact(text) == text
