"""Users' inputs as data: what is derived from a correct one, and how the others are refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.manifests import PEERS, ManifestError, Manifests
from suites.selftest.overlays import Declare, Files

HERE = Path(__file__).parent
ACCEPTED, REFUSED = (
    yaml.safe_load((HERE / f"shapes_{name}.yaml").read_text(encoding="utf-8"))
    for name in ("accepted", "refused")
)


def change(files: Files, shape: Any) -> Files:
    """Return the article's files with the changes of a shape."""
    files = {**files, PEERS: Manifests().load(PEERS)}
    for kind, values in (shape.get("set") or {}).items():
        resource = next(each for file in files.values() for each in file if each["kind"] == kind)
        for path, value in values.items():
            put(resource, path.split("."), value)
    for file, resources in (shape.get("add") or {}).items():
        files[file] = [*files[file], *resources]
    return files


def put(place: Any, keys: list[str], value: Any) -> None:
    """Set the value at the end of these keys; a number is a place in a list."""
    key: Any = int(keys[0]) if isinstance(place, list) else keys[0]
    if len(keys) > 1:
        put(place[key], keys[1:], value)
    else:
        place[key] = value


@pytest.mark.parametrize("shape", ACCEPTED, ids=lambda each: each["shape"])
def test_request_and_destination_follow_from_a_correct_input(
    shape: Any, files: Files, declare: Declare
) -> None:
    found = declare(change(files, shape))
    entry, to = found.entry, found.primary
    request = (entry.scheme, entry.port, entry.host, entry.path, found.app_path)
    derived = (*request, to.service, to.port, to.target_port, found.workload.container)
    assert " ".join(map(str, derived)) == shape["derived"]


@pytest.mark.parametrize("shape", REFUSED, ids=lambda each: each["shape"])
def test_input_is_refused_with_its_reason(shape: Any, files: Files, declare: Declare) -> None:
    with pytest.raises(ManifestError) as refused:
        declare(change(files, shape))
    assert shape["words"] in str(refused.value)
    assert "112358" not in str(refused.value)
