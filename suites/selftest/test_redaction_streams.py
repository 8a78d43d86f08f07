"""A stream redacts secrets that are written line by line, and emits every other line when it is written."""

import io
from typing import TextIO, cast

import pytest

from reports.redaction import MARK, RedactingStream
from suites.selftest.secret_cases import BODY, PEM, PW, Case, case
from suites.selftest.secret_texts import KINDS

CRI = "2024-01-01T00:00:00.123456789Z stdout F "
LINES = [
    case("secret", "kind: Secret\ndata:\n  foo: hunter2\n  bar: hunter2\ntype: x\n", PW, stays=("type: x",)),
    case(
        "secret-long",
        "kind: Secret\ndata:\n" + "".join(f"  k{n}: hunter2-{n}\n" for n in range(99)) + "type: x\n",
        PW,
        stays=("type: x",),
    ),
    case("block", "password: |\n  hunter2\n  hunter2 more\nuser: bob\n", PW, "more", stays=("user: bob",)),
    case("env", "- name: DB_PASSWORD\n  value: hunter2\n- name: A\n  value: b\n", PW, stays=("value: b",)),
    case("flag", "--password\nhunter2\nrunning\n", PW, stays=("running",)),
    case("pem", f"before\n{PEM}\na log line\ndone\n", *BODY, stays=("before", "a log line", "done")),
    case(
        "pem-cri",
        "".join(f"{CRI}{line}\n" for line in [*PEM.split("\n"), "a log line", "done"]),
        *BODY,
        stays=(f"{CRI}a log line", f"{CRI}done"),
    ),
    case("json", '{\n  "name": "API_TOKEN",\n  "value": "hunter2"\n}\n', PW),
]


def written(case: Case, *, flush: bool = False) -> str:
    stream = io.StringIO()
    guard = RedactingStream(cast("TextIO", stream))
    for line in case.text.splitlines(keepends=True):
        guard.write(line)
        if flush:
            guard.flush()
    guard.flush()
    return stream.getvalue()


@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in LINES])
def test_secret_of_several_lines_is_removed(case: Case, flush: bool) -> None:
    clean = written(case, flush=flush)
    assert [secret for secret in case.secrets if secret in clean] == []
    assert [text for text in case.stays if text not in clean] == []
    assert MARK in clean
    assert clean.endswith("\n")


@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in KINDS["headers"]])
def test_secret_within_a_line_is_removed(case: Case) -> None:
    clean = written(case)
    assert [secret for secret in case.secrets if secret in clean] == []


@pytest.mark.parametrize(
    "pieces", [("password=", "hunter2\n"), ("pass", "word: hun", "ter2\n"), ("token: ", "hunter2-99", "\n")]
)
def test_value_written_after_a_flush_is_removed(pieces: tuple[str, ...]) -> None:
    stream = io.StringIO()
    guard = RedactingStream(cast("TextIO", stream))
    for piece in pieces:
        guard.write(piece)
        guard.flush()
    assert "ter2" not in stream.getvalue()


def test_each_line_without_secrets_is_written_at_once() -> None:
    stream = io.StringIO()
    guard = RedactingStream(cast("TextIO", stream))
    text = "suites/a.py::test_token PASSED\nkind: ConfigMap\ndata:\n  a: b\n[ 50%]\n\nsecret: {}\n"
    done = ""
    for line in text.splitlines(keepends=True):
        guard.write(line)
        done += line
        assert stream.getvalue() == done
