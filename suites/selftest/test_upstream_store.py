"""Programs from a real release server: checksums, archives, wrong processors, and a foreign cache folder."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from fixtures.clients.download import Downloader
from fixtures.distributions.base import Unavailable
from fixtures.distributions.upstream import published
from fixtures.distributions.upstream.mirrors import Mirrors
from fixtures.distributions.upstream.published import Platform, machine_of
from fixtures.distributions.upstream.store import MARK, Store
from suites.selftest.release_server import send, send_file, serving

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
ELF = b"\x7fELF" + bytes(14) + (62).to_bytes(2, "little") + b"the program"
KUBECTL = "/release/v1.36.3/bin/linux/amd64/kubectl"

Files = dict[str, bytes]


@pytest.fixture
def files() -> Files:
    """The files of the release server, by path."""
    return {KUBECTL: ELF, f"{KUBECTL}.sha256": hashlib.sha256(ELF).hexdigest().encode()}


@pytest.fixture
def requested() -> list[str]:
    """The paths that were requested."""
    return []


@pytest.fixture
def store(files: Files, requested: list[str], tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """A function that makes a store whose mirror of every release server is the test's server."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        requested.append(handler.path)
        if (body := files.get(handler.path)) is None:
            return send(handler, 404)
        return send_file(handler, body)

    with serving(answer, tls=False) as url:
        mirrors = Mirrors(releases={"dl.k8s.io": url, "github.com": url})

        def made(root: Path = tmp_path / "cache", platform: Platform = AMD64) -> Store:
            return Store(root, Downloader(plain=mirrors.plain, pause=0.01), mirrors, platform)

        yield made


def archive(members: Mapping[str, bytes]) -> bytes:
    """Return a compressed tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def test_program_is_downloaded_verified_and_kept(store: Callable[..., Store], requested: list[str]) -> None:
    kubectl = published.kubectl("1.36.3", AMD64)
    program = store().program(kubectl)
    assert program.read_bytes() == ELF
    assert program.stat().st_mode & 0o111
    assert requested == [f"{KUBECTL}.sha256", KUBECTL]
    assert store().program(kubectl) == program
    assert len(requested) == 2


def test_kept_file_that_has_changed_is_downloaded_again(store: Callable[..., Store]) -> None:
    kubectl = published.kubectl("1.36.3", AMD64)
    (store().program(kubectl).parents[1] / "kubectl").write_bytes(b"another")
    assert not store().has(kubectl)
    store().program(kubectl)
    assert store().has(kubectl)


def test_wrong_checksum_is_refused_and_the_file_removed(store: Callable[..., Store], files: Files) -> None:
    files[f"{KUBECTL}.sha256"] = b"0" * 64
    kubectl = published.kubectl("1.36.3", AMD64)
    with pytest.raises(
        Unavailable, match=r"checksum does not match: SHA-256 0000.* is published, [0-9a-f]{64} arr"
    ):
        store().program(kubectl)
    assert not list(store().place(kubectl).glob("kubectl*"))


def test_partial_file_of_another_version_is_downloaded_completely(store: Callable[..., Store]) -> None:
    kubectl = published.kubectl("1.36.3", AMD64)
    partial = store().place(kubectl) / "kubectl.part"
    store().claim()
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"else")
    assert store().program(kubectl).read_bytes() == ELF


def test_checksum_file_without_a_checksum_is_refused(store: Callable[..., Store], files: Files) -> None:
    files[f"{KUBECTL}.sha256"] = b"<html>Sign in</html>"
    with pytest.raises(Unavailable, match="holds no SHA-256 checksum of kubectl: '<html>Sign in"):
        store().program(published.kubectl("1.36.3", AMD64))


def test_missing_version_is_named_with_its_address(store: Callable[..., Store]) -> None:
    with pytest.raises(
        Unavailable, match=r"v1.99.0/bin/linux/amd64/kubectl.sha256: the server has no such file"
    ):
        store().program(published.kubectl("1.99.0", AMD64))


def test_program_for_another_processor_is_refused(store: Callable[..., Store], files: Files) -> None:
    arm = KUBECTL.replace("amd64", "arm64")
    files |= {arm: ELF, f"{arm}.sha256": files[f"{KUBECTL}.sha256"]}
    with pytest.raises(Unavailable, match="a program for amd64, and this machine is arm64"):
        store(platform=ARM64).program(published.kubectl("1.36.3", ARM64))


def test_archive_gives_its_program_and_the_samples_and_no_path_outside(
    store: Callable[..., Store], files: Files
) -> None:
    istio = published.istio("1.31.0", AMD64)
    path = istio.url.removeprefix("https://github.com")
    packed = archive({
        "istio-1.31.0/bin/istioctl": ELF,
        "istio-1.31.0/samples/addons/prometheus.yaml": b"kind: Service",
        "istio-1.31.0/../../outside": b"no",
    })  # fmt: skip
    files |= {path: packed, f"{path}.sha256": f"{hashlib.sha256(packed).hexdigest()}  {istio.name}".encode()}
    program = store().program(istio)
    assert program.read_bytes() == ELF
    assert (program.parents[1] / "samples" / "addons" / "prometheus.yaml").exists()
    assert not list(store().root.rglob("outside"))


def test_archive_with_a_sample_that_leads_outside_is_refused(
    store: Callable[..., Store], files: Files
) -> None:
    """A name below samples/addons may still climb out of the folder: nothing is written there."""
    istio = published.istio("1.31.0", AMD64)
    path = istio.url.removeprefix("https://github.com")
    packed = archive({"istio-1.31.0/samples/addons/" + "../" * 9 + "tmp/outside": b"no"})
    files |= {path: packed, f"{path}.sha256": hashlib.sha256(packed).hexdigest().encode()}
    with pytest.raises(Unavailable, match="leads out of the archive"):
        store().program(istio)


def test_archive_that_is_none_is_refused(store: Callable[..., Store], files: Files) -> None:
    istio = published.istio("1.31.0", AMD64)
    path = istio.url.removeprefix("https://github.com")
    files |= {path: b"text", f"{path}.sha256": hashlib.sha256(b"text").hexdigest().encode()}
    with pytest.raises(Unavailable, match="cannot be unpacked"):
        store().program(istio)


def test_folder_with_the_users_files_is_refused(store: Callable[..., Store], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(Unavailable, match=r"mine is not empty and has no .*nothing was changed"):
        store(tmp_path / "mine").claim()
    assert not (tmp_path / "mine" / MARK).exists()


@pytest.mark.parametrize(
    ("system", "machine", "kind_name", "istio_name"),
    [
        ("linux", "amd64", "kind-linux-amd64", "istio-1.31.0-linux-amd64.tar.gz"),
        ("linux", "arm64", "kind-linux-arm64", "istio-1.31.0-linux-arm64.tar.gz"),
        ("darwin", "amd64", "kind-darwin-amd64", "istio-1.31.0-osx-amd64.tar.gz"),
        ("darwin", "arm64", "kind-darwin-arm64", "istio-1.31.0-osx-arm64.tar.gz"),
    ],
)
def test_each_platform_has_its_own_files(system: str, machine: str, kind_name: str, istio_name: str) -> None:
    on = Platform(system, machine)
    assert published.kind(on).name == kind_name
    assert published.istio("1.31.0", on).name == istio_name
    assert f"/bin/{system}/{machine}/kubectl" in published.kubectl("1.36.3", on).url


@pytest.mark.parametrize(("system", "machine"), [("Windows", "AMD64"), ("Linux", "riscv64")])
def test_machine_without_published_programs_is_refused(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(Unavailable, match=f"no published programs exist for {system} on {machine}"):
        Platform.here()


def test_processor_of_a_mach_o_program_is_known(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(bytes.fromhex("cffaedfe0c000001") + bytes(20))
    assert machine_of(tmp_path / "program") == "arm64"
