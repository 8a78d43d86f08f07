"""Redaction of parsed trees and of bytes: secrets are removed, and everything else stays as it is."""

import codecs
import json
from typing import Any

import pytest

from reports.redaction import MARK, redact_body, redact_tree
from suites.selftest.secret_cases import BODY, PEM, PW


@pytest.mark.parametrize(
    "tree",
    [
        {"kind": "Secret", "data": {"any": PW}, "apiVersion": "stays"},
        {"kind": "SecretList", "items": [{"data": {"any": PW}, "metadata": {"name": "stays"}}]},
        {"type": "Opaque", "stringData": {"any": PW}, "metadata": {"name": "stays"}},
        {"password": [PW], "user": "stays"},
        {"password": ("a-secret", PW), "user": "stays"},
        {"token": [PW], "user": "stays"},
        {"credentials": {"any": {"deep": [PW]}}, "user": "stays"},
        [{"name": "DB_PASSWORD", "value": PW}, {"name": "USER", "value": "stays"}],
        [{"Name": "DB_PASSWORD", "Value": PW}, {"Name": "USER", "Value": "stays"}],
        {"ParameterKey": "DbPassword", "ParameterValue": PW, "x": "stays"},
        {"key": "authorization", "values": [PW], "x": "stays"},
        {"op": "stays", "path": "/data/any", "value": PW},
        ["mytool", "--password", PW, "--user", "stays"],
        [["authorization", PW], ["host", "stays"]],
        {"kty": "oct", "k": PW, "kid": "stays"},
        {"secrets": {"any": PW}, "user": "stays"},
        ["curl", "-u", f"admin:{PW}", "stays"],
        ["kind: Secret", "data:", f"  any: {PW}", "type: stays"],
        ["password: |", f"  {PW}", "user: stays"],
        {f"password={PW}", "stays"},
        {"token": {"user": "stays", "password": PW}},
        {f"password={PW}": 1, "stays": 2},
        {"body": f"password={PW}".encode(), "x": "stays"},
    ],
    ids=str,
)
def test_secret_in_a_tree_is_removed(tree: Any) -> None:
    clean = redact_tree(tree)
    assert PW not in str(clean)
    assert MARK in str(clean)
    assert "stays" in str(clean)
    assert redact_tree(clean) == clean


def test_number_in_a_secret_field_is_removed() -> None:
    assert redact_tree({"password": 493817, "port": 15012}) == {"password": MARK, "port": 15012}


def test_lines_of_a_private_key_in_a_list_are_removed() -> None:
    clean = redact_tree(["before", *PEM.split("\n"), "after"])
    assert (clean[0], clean[-1]) == ("before", "after")
    assert not [line for line in BODY if line in clean]


@pytest.mark.parametrize(
    "tree",
    [
        {"secret": {"secretName": "istio-ca-secret"}, "token": True, "password": None, "tokens": 4},
        {"kind": "ConfigMap", "data": {"any": "value"}},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        {"password": {"secretKeyRef": {"name": "db", "key": "password"}}},
        {"secrets": [{"name": "default-token"}], "imagePullSecrets": [{"name": "registry"}]},
        ["--token", "--password", "--user", "bob"],
        {"labels": [{"name": "tag", "value": "secret"}], "name": "password", "status": "passed"},
        ["password", "token"],
    ],
    ids=str,
)
def test_tree_without_secrets_is_unchanged(tree: Any) -> None:
    assert redact_tree(tree) == tree


@pytest.mark.parametrize(
    "body",
    [
        b"PATH=/bin\0DB_PASSWORD=hunter2\0HOME=/stays\0",
        b"curl\0--password\0hunter2\0https://stays/",
        *("password: hunter2\nuser: stays\n".encode(each) for each in ("utf-16", "utf-16-le", "utf-16-be")),
        codecs.BOM_UTF8 + b"password: hunter2\nuser: stays",
        b"GIF8 password=hunter2 user=stays",
        b"RIFF\npassword: hunter2\nuser: stays",
        b"%PDF-1.4 password=hunter2 user=stays",
        b"PK\x03\x04 password=hunter2 user=stays",
        b"BM password=hunter2 user=stays",
        b"\xff\xfapassword=hunter2\nuser=stays",
    ],
)
def test_secret_in_bytes_is_removed(body: bytes) -> None:
    clean = redact_body(body).replace(b"\0", b"")
    assert b"hunter2" not in clean
    assert b"stays" in clean


@pytest.mark.parametrize(
    "body",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR password=abc",
        b"GIF89a\x01\0\x01\0\x80\x01\0 password=abc",
        b"\x1f\x8b\x08\0 password=abc",
        json.dumps({"name": "x"}).encode("utf-16"),
        b"a\0b\0\0c",
        b"",
    ],
)
def test_bytes_without_secrets_are_unchanged(body: bytes) -> None:
    assert redact_body(body) == body
