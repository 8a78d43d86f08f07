"""Container images that the lab writes itself: reproducible, and in the format that docker and ctr read."""

import hashlib
import json
import tarfile
from contextlib import closing
from pathlib import Path

from lab.images import Archive, compose, configuration
from lab.sources import Image


def _image(**changes: object) -> Image:
    declared: dict[str, object] = {
        "name": "registry.lab/x:1", "programs": {"x": "/usr/local/bin/x"}, "files": {"y.json": "/etc/y.json"},
        "debian": (), "folders": (), "links": {}, "entrypoint": ("/usr/local/bin/x",), "user": "1337:1337",
        "environment": {"X": "1"}, "iptables": False,
    }  # fmt: skip
    return Image(**(declared | changes))  # type: ignore[arg-type]


def _layers(folder: Path, **changes: object) -> list[Path]:
    folder.mkdir()
    files = {name: folder / name for name in ("x", "y.json", "other:z")}
    for name, file in files.items():
        file.write_text(name)
    return compose(_image(**changes), files, files, folder, folder)


def test_layer_has_each_file_with_its_mode_and_parent_folders(tmp_path: Path) -> None:
    (made,) = _layers(tmp_path / "1")
    with tarfile.open(made) as tar:
        members = {member.name: (member.mode, member.uid, member.mtime) for member in tar}
    assert members["usr/local/bin/x"] == (0o755, 0, 0)
    assert members["etc/y.json"] == (0o644, 0, 0)
    assert list(members)[:4] == ["usr", "usr/local", "usr/local/bin", "usr/local/bin/x"]


def test_same_inputs_produce_the_same_layer(tmp_path: Path) -> None:
    (first,), (second,) = _layers(tmp_path / "1"), _layers(tmp_path / "2")
    assert first.read_bytes() == second.read_bytes()


def test_program_from_another_source_has_a_shareable_layer(tmp_path: Path) -> None:
    programs = {"other:z": "/usr/local/bin/z"}
    lone = _layers(tmp_path / "1", programs=programs)
    both = _layers(tmp_path / "2", programs={**programs, "x": "/usr/local/bin/x"})
    assert [len(lone), len(both)] == [2, 2]
    assert lone[0].read_bytes() == both[0].read_bytes()
    with tarfile.open(both[1]) as tar:
        assert "usr/local/bin/x" in tar.getnames()
        assert "usr/local/bin/z" not in tar.getnames()


def test_archive_names_layers_by_digest_and_shares_them(tmp_path: Path) -> None:
    (tarball,) = _layers(tmp_path / "1")
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


def test_configuration_has_user_entrypoint_and_environment() -> None:
    assert "X=1" in configuration(_image())["Env"]
    assert configuration(_image())["User"] == "1337:1337"
    assert configuration(_image())["Entrypoint"] == ["/usr/local/bin/x"]
