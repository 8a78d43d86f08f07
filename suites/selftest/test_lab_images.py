"""Container images that the lab writes by itself: reproducible, and in the form that docker and ctr read."""

import hashlib
import json
import tarfile
from contextlib import closing
from pathlib import Path

from lab.images import Archive, compose, configuration, layer
from lab.sources import Image


def _image(**changes: object) -> Image:
    declared: dict[str, object] = {
        "name": "registry.lab/x:1", "programs": {"x": "/usr/local/bin/x"}, "files": {"y.json": "/etc/y.json"},
        "debian": (), "folders": (), "links": {}, "entrypoint": ("/usr/local/bin/x",), "user": "1337:1337",
        "istio": None, "iptables": False,
    }  # fmt: skip
    return Image(**(declared | changes))  # type: ignore[arg-type]


def _layer(folder: Path, name: str) -> Path:
    for file in ("x", "y.json"):
        (folder / file).write_text(file)
    with layer(folder / name) as target:
        compose(_image(), {"x": folder / "x"}, {"y.json": folder / "y.json"}, folder, target)
    return folder / name


def test_a_layer_has_each_file_with_its_mode_and_its_parent_folders(tmp_path: Path) -> None:
    with tarfile.open(_layer(tmp_path, "layer.tar")) as tar:
        members = {member.name: (member.mode, member.uid, member.mtime) for member in tar}
    assert members["usr/local/bin/x"] == (0o755, 0, 0)
    assert members["etc/y.json"] == (0o644, 0, 0)
    assert list(members)[:4] == ["usr", "usr/local", "usr/local/bin", "usr/local/bin/x"]


def test_the_same_inputs_give_the_same_layer(tmp_path: Path) -> None:
    first, second = _layer(tmp_path, "1.tar"), _layer(tmp_path, "2.tar")
    assert first.read_bytes() == second.read_bytes()


def test_an_archive_names_its_layers_by_their_digest_and_shares_them(tmp_path: Path) -> None:
    tarball = _layer(tmp_path, "layer.tar")
    with closing(Archive(tmp_path / "images.tar")) as archive:
        archive.add("a:1", [tarball], configuration(_image()))
        archive.add("b:1", [tarball], configuration(_image()))
    with tarfile.open(tmp_path / "images.tar") as tar:
        listed = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(tar.extractfile(listed[0]["Config"]))  # type: ignore[arg-type]
        layers = [name for name in tar.getnames() if name.endswith("layer.tar")]
    expected = hashlib.sha256(tarball.read_bytes()).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{expected}"]
    assert layers == [f"{expected}/layer.tar"]
    assert [image["RepoTags"] for image in listed] == [["a:1"], ["b:1"]]


def test_the_configuration_carries_user_and_entrypoint() -> None:
    assert configuration(_image())["User"] == "1337:1337"
    assert configuration(_image())["Entrypoint"] == ["/usr/local/bin/x"]
