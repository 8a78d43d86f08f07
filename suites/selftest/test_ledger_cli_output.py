"""istioctl's output, and what a ledger records of it."""

from pathlib import Path

import pytest

from fixtures.clients.istioctl import Istioctl
from fixtures.ledger import cli_output


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("NAME     SUBSCRIBED TYPES\na  b", ["NAME", "SUBSCRIBED TYPES"]),
        ("\nSERVICE FQDN\tPORT\tSUBSET", ["SERVICE FQDN", "PORT", "SUBSET"]),
    ],
)
def test_columns_are_the_header_of_a_table(table: str, names: list[str]) -> None:
    assert cli_output.columns(table) == names


def test_paths_are_the_fields_of_a_json_value() -> None:
    found = cli_output.places({"meshVersion": [{"Info": {"tag": "1.29.1"}}, {"Component": "pilot"}]})
    assert found == {"meshVersion[].Info.tag", "meshVersion[].Component"}


def test_log_lines_are_sorted_and_messages_keep_their_order(tmp_path: Path) -> None:
    program = tmp_path / "istioctl"
    later, sooner = "2026-11-24T18:07:22.2Z\terror\ta", "2026-11-24T18:07:22.1Z\terror\tb"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{sooner}' '{later}' z\necho y >&2\necho x >&2\n")
    program.chmod(0o755)
    istioctl = Istioctl(program=program, kubeconfig=Path("kc"), environment={}, timeout=5)
    assert cli_output.printed_lines(istioctl, "analyze") == [later, sooner, "z", "y", "x"]
