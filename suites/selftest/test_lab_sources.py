"""The folders of lab/sources declare what is built; another version is another folder."""

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.paths import PROJECT, SOURCES
from lab.sources import all_sources, versions_of


def _folder(root: Path, name: str, text: str) -> None:
    (root / name).mkdir()
    (root / name / "source.toml").write_text(text)


@pytest.fixture
def two_versions(tmp_path: Path) -> Path:
    _folder(tmp_path, "core", 'title="c"\n[versions]\nkubernetes="1.35.4"\nistio="1.29.1"\n')
    _folder(tmp_path, "istio-1.28.2", 'title="i"\n[versions]\nistio="1.28.2"\n')
    _folder(tmp_path, "kiali", 'title="k"\n[versions]\nkiali="1.89.0"\n')
    return tmp_path


def test_versions_are_sorted_as_numbers(two_versions: Path) -> None:
    _folder(two_versions, "istio-1.9.0", 'title="old"\n[versions]\nistio="1.9.0"\n')
    assert versions_of("istio", all_sources(two_versions).values()) == ["1.9.0", "1.28.2", "1.29.1"]


def test_invalid_source_is_named(tmp_path: Path) -> None:
    _folder(tmp_path, "broken", "title = ")
    with pytest.raises(LabError, match=r"broken/source\.toml is not a source"):
        all_sources(tmp_path)


def test_projects_own_sources_are_complete() -> None:
    for source in all_sources().values():
        assert any((source.folder / name).exists() for name in ("go.sum", "requirements.txt")), source.name


@pytest.mark.parametrize("module", sorted(SOURCES.glob("*/go.mod")), ids=lambda path: path.parent.name)
def test_module_with_requirements_has_their_hashes(module: Path) -> None:
    assert "require" not in module.read_text() or (module.parent / "go.sum").stat().st_size > 0


def test_manifests_name_only_images_in_the_lab() -> None:
    has = {image.name for source in all_sources().values() for image in source.images}
    wanted = {
        line.partition("image:")[2].strip()
        for manifest in (PROJECT / "manifests").glob("*/*.yaml")
        for line in manifest.read_text().splitlines()
        if line.strip().startswith(("image: ", "- image: "))
    }
    # The placeholder that injection replaces, as in Istio's own gateways.
    wanted.discard("auto")
    assert wanted <= has, f"no source has {sorted(wanted - has)}"


def test_no_pin_names_a_registry() -> None:
    for pins in SOURCES.glob("*/requirements.txt"):
        assert "--hash=sha256:" in pins.read_text()
        assert "://" not in pins.read_text()
