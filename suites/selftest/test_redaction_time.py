"""Redaction takes time linear in the length of a text, whatever the text."""

import json
import string
import time

import pytest

from reports.redaction import redact

pytestmark = pytest.mark.slow

#: Limits: CPU seconds, and the ratio for a text four times as long (quadratic time would be 16).
LONG, RATIO = 0.8, 9.0
SHORT_SIZE, LONG_SIZE = 10_000, 40_000
UNITS = [
    "a",
    "eyJ",
    "password",
    "-----BEGIN ",
    "-----BEGIN RSA PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----\n",
    "://",
    '"',
    "'",
    "{",
    "=",
    string.ascii_letters + string.digits + "+/",
    "token: ",
    "password:{",
    'password:"',
    " ",
    "\\",
    '\\"',
    "\n    ",
    '"name":"password",',
    '"kind":"Secret",',
    "kind: Secret\n",
    "- name: password\n",
    "@",
    "%41",
    "/",
    "?a=",
    "password:\n  a\n",
    "QUJD" * 16 + "\n",
    "Private-Lines: 9\n",
    '"a\\n',
    "[a] ",
    "--password ",
    "<password>",
]


def seconds(text: str) -> float:
    begun = time.process_time()
    redact(text)
    return time.process_time() - begun


@pytest.mark.parametrize("unit", UNITS)
def test_time_grows_linearly_with_the_length(unit: str) -> None:
    short, long = (seconds((unit * (size // len(unit) + 1))[:size]) for size in (SHORT_SIZE, LONG_SIZE))
    assert long < LONG
    assert long < RATIO * short + 0.1


def test_one_megabyte_dump_takes_a_second_or_two() -> None:
    cluster = {
        "name": "outbound|80||test-svc.test-namespace.svc.cluster.local",
        "type": "EDS",
        "connect_timeout": "10s",
        "tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": {"ads": {}}}],
        "metadata": {"filter_metadata": {"istio": {"services": [{"host": "test-svc", "namespace": "x"}]}}},
    }
    dump = json.dumps([cluster] * 3500)
    assert len(dump) > 1_000_000
    begun = time.process_time()
    assert redact(dump) == dump
    assert time.process_time() - begun < 5
