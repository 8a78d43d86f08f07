"""What `lab import` accepts and refuses, on small handmade archives with the right names."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from lab import allure, archive, packages
from lab.archive import import_from
from lab.build import plan
from lab.errors import LabError

#: A member that a bad archive has in addition to the good ones, or that replaces one of them.
Change = Callable[[tarfile.TarInfo], None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, and a user's file beside it."""
    monkeypatch.setenv("ISTIO_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ISTIO_LAB_STATE", str(tmp_path / "state"))
    (tmp_path / "mine").write_text("mine")
    return tmp_path


def complete_archive(root: Path, istio: Collection[str] | None = None) -> dict[str, bytes]:
    """The files of a small archive that matches this checkout, with these Istio versions, by name."""
    members: dict[str, bytes] = {}
    for entry in archive._entries(plan(root, istio)):
        place = f"{entry.kind}/{entry.key[:16]}"
        names = ("node.tar",) if entry.kind == "node" else ("program",)
        held = {name: f"{place} {name}".encode() for name in names}
        files = {name: hashlib.sha256(content).hexdigest() for name, content in held.items()}
        members |= {f"{place}/{name}": content for name, content in held.items()}
        members[f"{place}/manifest.json"] = json.dumps({"key": entry.key, "files": files}).encode()
    return members


def write_archive(file: Path, members: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w") as tar:
        for extra in more:
            tar.addfile(extra, io.BytesIO(b"x" * extra.size))
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def special(
    name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o644, size: int = 0
) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode, member.size = kind, link, mode, size
    return member


def remaining_files(site: Path) -> set[str]:
    """All files on the site except the mark, the locks and the archive itself."""
    found = {str(path.relative_to(site)) for path in site.rglob("*")}
    return {name for name in found if not name.startswith("cache/") and name != "lab.tar"} | {
        name
        for name in found
        if name.startswith("cache/") and not name.startswith(("cache/locks", "cache/.istio-conformance"))
    }


def test_complete_archive_is_imported(site: Path) -> None:
    members = complete_archive(site / "cache")
    import_from(write_archive(site / "lab.tar", members), print)
    for name, content in members.items():
        assert (site / "cache" / name).read_bytes() == content
    assert not list((site / "cache").glob("import-*"))


def bad_members() -> Iterator[object]:
    node = "node/0123456789abcdef"
    links = {"symbolic": (tarfile.SYMTYPE, "/etc"), "hard": (tarfile.LNKTYPE, "node/x")}
    for name, (kind, target) in links.items():
        yield pytest.param(special("wheels/a.whl", kind, link=target), "is a link", id=f"{name}-link")
    for name, kind in (("device", tarfile.CHRTYPE), ("block", tarfile.BLKTYPE), ("fifo", tarfile.FIFOTYPE)):
        yield pytest.param(special("debs/a.deb", kind), "is a link, a device", id=name)
    for name, mode in (("setuid", 0o4755), ("setgid", 0o2755), ("sticky", 0o1755), ("world-writable", 0o666)):
        yield pytest.param(special("debs/a.deb", mode=mode), "has a mode that no export writes", id=name)
    for path in ("/etc/cron.d/x", "../mine", "wheels/../../mine.whl", "debs/./x.deb", "wheels//x.whl"):
        yield pytest.param(special(path), "leads outside the cache", id=path)
    for path in (
        "etc/passwd",
        ".bashrc",
        "locks/load",
        "owners/abc",
        "times.json",
        "wheels/x.sh",
        "debs/index/x",
    ):
        yield pytest.param(special(path), "is not a name that an export writes", id=path)
    yield pytest.param(special("bin", tarfile.DIRTYPE), "is not a folder that an export writes", id="folder")
    yield pytest.param(special(f"{node}/node.tar"), "exported from another version", id="other-key")


@pytest.mark.parametrize(("member", "refusal"), [*bad_members()])
def test_archive_with_a_member_that_no_export_writes_is_refused(
    site: Path, member: tarfile.TarInfo, refusal: str
) -> None:
    write_archive(site / "lab.tar", complete_archive(site / "cache"), member)
    with pytest.raises(LabError, match=refusal):
        import_from(site / "lab.tar", pytest.fail)
    assert remaining_files(site) == {"mine", "cache"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("debs/foo.deb", b""),
        ("debs/index/b\u00fcster/InRelease", b""),
        (f"wheels/{'x' * 300}.whl", b""),
        ("manifest", b'{"files": ["a"]}'),
        ("manifest", b'{"files": null}'),
        ("manifest", b'["files"]'),
        ("manifest", b"3"),
        ("manifest", b"[" * 100_000),
    ],
)
def test_damaged_archive_is_refused_without_a_trace(site: Path, name: str, content: bytes) -> None:
    members = complete_archive(site / "cache")
    if name == "manifest":
        name = next(each for each in members if each.endswith("manifest.json"))
    write_archive(site / "lab.tar", members | {name: content})
    with pytest.raises(LabError, match="nothing was imported"):
        import_from(site / "lab.tar", lambda _: None)
    assert remaining_files(site) == {"mine", "cache"}


@pytest.mark.parametrize("place", ["/tmp/pwn", "../pwn", "pool/../../pwn", "pool//pwn"])
def test_package_list_with_a_path_outside_is_refused(site: Path, place: str) -> None:
    listed = f"Package: x\nFilename: {place}/x_1_amd64.deb\nSHA256: {'0' * 64}\n\n".encode()
    index = {"debs/index/bookworm/main/binary-amd64/Packages": listed, "debs/x_1_amd64.deb": b"evil"}
    write_archive(site / "lab.tar", complete_archive(site / "cache") | index)
    with pytest.raises(LabError, match="names the path"):
        import_from(site / "lab.tar", lambda _: None)
    assert remaining_files(site) == {"mine", "cache"}


def test_package_list_that_the_release_file_does_not_list_is_refused(tmp_path: Path) -> None:
    place = tmp_path / packages.INDEX / "bookworm" / "evil" / "binary-amd64"
    place.mkdir(parents=True)
    (place / "Packages").write_text("Package: x\nFilename: pool/x_1_amd64.deb\n")
    digest = hashlib.sha256((place / "Packages").read_bytes()).hexdigest()
    release = tmp_path / packages.INDEX / "bookworm" / "InRelease"
    index = packages._indexes(tmp_path)[0]
    signature = "-----BEGIN PGP SIGNATURE-----\n"
    for text in ("SHA256:\n", f"SHA256:\n{signature} {digest} 45 evil/binary-amd64/Packages\n"):
        release.write_text(text)
        with pytest.raises(LabError, match="has not signed the package list bookworm/evil"):
            packages._check_signed(index, tmp_path)
    release.write_text(f"SHA256:\n {digest}       45 evil/binary-amd64/Packages\n{signature}")
    packages._check_signed(index, tmp_path)


def test_second_archive_does_not_write_through_the_first_ones_link(site: Path) -> None:
    write_archive(site / "lab.tar", {}, special("wheels", tarfile.SYMTYPE, link=str(site)))
    for _ in range(2):
        with pytest.raises(LabError, match="is a link"):
            import_from(site / "lab.tar", pytest.fail)
        write_archive(
            site / "lab.tar",
            complete_archive(site / "cache"),
            special("wheels", tarfile.SYMTYPE, link=str(site)),
        )
    assert remaining_files(site) == {"mine", "cache"}


def test_file_that_differs_from_the_build_is_refused(site: Path) -> None:
    members = complete_archive(site / "cache")
    name = next(name for name in members if name.endswith("node.tar"))
    write_archive(site / "lab.tar", members | {name: b"other"})
    with pytest.raises(LabError, match=r"node\.tar differs from what was built; nothing was imported"):
        import_from(site / "lab.tar", print)
    assert remaining_files(site) == {"mine", "cache"}


def test_file_missing_from_the_manifest_is_refused(site: Path) -> None:
    members = complete_archive(site / "cache")
    place = next(iter(members)).rpartition("/")[0]
    write_archive(site / "lab.tar", members | {f"{place}/more": b"more"})
    with pytest.raises(LabError, match="more differs from what was built"):
        import_from(site / "lab.tar", print)


def test_unpinned_wheel_is_refused(site: Path) -> None:
    write_archive(
        site / "lab.tar",
        complete_archive(site / "cache") | {"wheels/pytest-9.0.0-py3-none-any.whl": b"not pytest"},
    )
    with pytest.raises(LabError, match=r"wheels/pytest-.* is not a file that requirements\.txt pins"):
        import_from(site / "lab.tar", print)
    assert remaining_files(site) == {"mine", "cache"}


def test_unpinned_npm_package_is_refused(site: Path) -> None:
    content = b"not allure"
    name = f"npm/{hashlib.sha512(content).hexdigest()}.tgz"
    write_archive(site / "lab.tar", complete_archive(site / "cache") | {name: content})
    with pytest.raises(LabError, match=r"is not a package that reports/package-lock\.json pins"):
        import_from(site / "lab.tar", print)


def test_npm_package_under_the_name_of_a_pinned_one_is_refused(site: Path) -> None:
    pinned = next(iter(allure.pinned().values()))
    write_archive(site / "lab.tar", complete_archive(site / "cache") | {f"npm/{pinned}.tgz": b"not allure"})
    with pytest.raises(LabError, match="is not a package that"):
        import_from(site / "lab.tar", print)


def test_debian_package_without_a_signed_index_is_refused(site: Path) -> None:
    write_archive(
        site / "lab.tar", complete_archive(site / "cache") | {"debs/docker.io_1_amd64.deb": b"not docker"}
    )
    with pytest.raises(LabError, match=r"docker\.io_1_amd64\.deb is not the package that Debian has signed"):
        import_from(site / "lab.tar", print)
    assert remaining_files(site) == {"mine", "cache"}


@pytest.mark.parametrize("name", ["wheels/a.whl", "node/x"])
def test_duplicate_member_is_refused(site: Path, name: str) -> None:
    members = complete_archive(site / "cache")
    twice = next(iter(members))
    write_archive(site / "lab.tar", members, special(twice))
    with pytest.raises(LabError, match="occurs twice"):
        import_from(site / "lab.tar", print)


def test_truncated_archive_is_refused(site: Path) -> None:
    file = write_archive(
        site / "lab.tar", complete_archive(site / "cache") | {"debs/a_1_all.deb": b"x" * 100_000}
    )
    with file.open("r+b") as stream:
        stream.truncate(20_000)
    with pytest.raises(
        LabError, match="is not an archive that `istio-conformance lab export` wrote, or is cut short"
    ):
        import_from(file, print)
    assert remaining_files(site) == {"mine", "cache"}


@pytest.mark.parametrize("right", [True, False])
def test_archive_digest_is_checked_before_reading(site: Path, *, right: bool) -> None:
    file = write_archive(site / "lab.tar", complete_archive(site / "cache"))
    digest = hashlib.sha256(file.read_bytes() if right else b"another").hexdigest()
    if right:
        import_from(file, print, digest.upper())
        return
    with pytest.raises(LabError, match="does not have the SHA-256"):
        import_from(file, print, digest)
    assert remaining_files(site) == {"mine"}


def test_intact_entry_is_not_replaced(site: Path) -> None:
    file = write_archive(site / "lab.tar", complete_archive(site / "cache"))
    import_from(file, print)
    before = {path: path.stat().st_ino for path in (site / "cache").rglob("*") if "locks" not in str(path)}
    import_from(file, print)
    after = {path: path.stat().st_ino for path in (site / "cache").rglob("*") if "locks" not in str(path)}
    assert after == before
