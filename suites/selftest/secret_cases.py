"""Building blocks of the tables of texts with secrets."""

import base64
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One text, the parts that must be removed, and the parts that must stay."""

    name: str
    text: str
    secrets: tuple[str, ...]
    stays: tuple[str, ...] = ()


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def case(name: str, text: str, *secrets: str, stays: tuple[str, ...] = ()) -> Case:
    return Case(name, text, secrets, stays)


PW = "hunter2"
RICH = "p@$s w0rd,'x\"#;{y}"
BASIC = encoded("admin:hunter2")
BODY = [encoded(bytes((i * 37 + n * 11) % 256 for i in range(48))) for n in range(5)]
PEM = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *BODY, "c2hvcnQ=", "-----END RSA PRIVATE KEY-----"])
DER = bytes.fromhex("308204a20201000282010100") + bytes((i * 37) % 256 for i in range(150))
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl"
DOCKER = json.dumps({"auths": {"registry.example": {"username": "u", "auth": encoded("u:s3cr3t-pw")}}})
SECRET_JSON = json.dumps({"apiVersion": "v1", "data": {"any": encoded("plain-words")}, "kind": "Secret"})
SECRET_YAML = (
    f"apiVersion: v1\ndata:\n  any: {encoded('plain-words')}\nkind: Secret\nmetadata:\n  name: mine\n"
)
APPLIED = json.dumps({"metadata": {"annotations": {"last-applied": SECRET_JSON}}})
ENVOY = '{"private_key": {"inline_string": "abcd-efgh"}, "name": "tls"}'
