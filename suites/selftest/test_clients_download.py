"""Downloads from a real HTTPS server that misbehaves in each way that a user can meet."""

import time
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from fixtures.clients import download
from fixtures.clients.download import Downloader, DownloadFailed, NoSpace, retry_after
from fixtures.waits import Clock
from suites.selftest.release_server import AUTHORITY, Answer, send, send_file, serving

BODY = bytes(range(256)) * 4000

Make = Callable[..., Downloader]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxy and authorities do not matter here."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


@pytest.fixture
def pauses() -> list[float]:
    """The seconds of each pause."""
    return []


@pytest.fixture
def downloader(tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> Make:
    """A function that makes a downloader which trusts the test's authority and never really sleeps."""
    trusted = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))

    def made(**options: object) -> Downloader:
        clock = Clock(time.monotonic, lambda seconds: pauses.append(seconds) if seconds else None)
        return Downloader(clock=clock, **options)  # type: ignore[arg-type]

    return made


def failure(downloader: Downloader, folder: Path, answer: Answer) -> str:
    """Return the message of a download that must fail, from a server that answers so."""
    with serving(answer) as url, pytest.raises(DownloadFailed) as failed:
        downloader.fetch(f"{url}/file?token=secret", folder / "file")
    assert "secret" not in str(failed.value)
    assert not (folder / "file").exists()
    return f"{type(failed.value).__name__}: {failed.value}"


def test_file_arrives_complete(downloader: Make, tmp_path: Path) -> None:
    with serving(lambda handler: send_file(handler, BODY)) as url:
        assert downloader().fetch(f"{url}/file", tmp_path / "file") == len(BODY)
    assert (tmp_path / "file").read_bytes() == BODY
    assert not (tmp_path / "file.part").exists()


def test_partial_file_of_an_earlier_run_is_continued(downloader: Make, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY[:1000])
    with serving(lambda handler: send_file(handler, BODY)) as url:
        assert downloader().fetch(f"{url}/file", tmp_path / "file") == len(BODY) - 1000
    assert (tmp_path / "file").read_bytes() == BODY


def test_server_without_ranges_sends_the_whole_file(downloader: Make, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"x" * 5000)
    with serving(lambda handler: send(handler, 200, BODY)) as url:
        downloader().fetch(f"{url}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_partial_file_longer_than_the_file_starts_again(downloader: Make, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY + b"more")
    with serving(lambda handler: send_file(handler, BODY)) as url:
        downloader().fetch(f"{url}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_truncated_download_is_continued(downloader: Make, tmp_path: Path) -> None:
    ranges: list[str | None] = []

    def cut(handler: BaseHTTPRequestHandler) -> None:
        ranges.append(handler.headers.get("Range"))
        if len(ranges) == 1:
            return send(handler, 200, BODY[:600_000], Content_Length=str(len(BODY)))
        return send_file(handler, BODY)

    with serving(cut) as url:
        downloader().fetch(f"{url}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY
    assert ranges[0] is None
    assert ranges[1]


def test_download_that_is_always_truncated_fails(downloader: Make, tmp_path: Path) -> None:
    said = failure(downloader(), tmp_path, lambda handler: send(handler, 200, b"", Content_Length="10"))
    assert "failed 4 times in a row: IncompleteRead" in said
    assert "--release-mirror 127.0.0.1=URL" in said


def test_missing_file_is_named(downloader: Make, tmp_path: Path) -> None:
    said = failure(downloader(), tmp_path, lambda handler: send(handler, 404))
    assert said.startswith("NotPublished: https://127.0.0.1:")
    assert said.endswith("/file: the server has no such file (status 404)")


def test_busy_server_is_asked_again_after_its_retry_after(
    downloader: Make, tmp_path: Path, pauses: list[float]
) -> None:
    answers = iter([429, 503])

    def busy(handler: BaseHTTPRequestHandler) -> None:
        if status := next(answers, None):
            return send(handler, status, Retry_After="7")
        return send_file(handler, BODY)

    with serving(busy) as url:
        downloader().fetch(f"{url}/file", tmp_path / "file")
    assert pauses == [7, 7]


def test_retry_after_of_an_hour_fails_at_once(downloader: Make, tmp_path: Path, pauses: list[float]) -> None:
    said = failure(downloader(), tmp_path, lambda handler: send(handler, 429, Retry_After="3600"))
    assert "status 429, and the server expects the next request in 3600 s" in said
    assert not pauses


def test_retry_after_may_be_a_date() -> None:
    assert retry_after(formatdate(1000, usegmt=True), 990) == 10
    assert retry_after("soon", 990) is None


def test_redirect_to_https_is_followed(downloader: Make, tmp_path: Path) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 302, Location=f"{there}/file")

    with serving(lambda handler: send_file(handler, BODY)) as there, serving(elsewhere) as url:
        downloader().fetch(f"{url}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_redirect_to_plain_http_is_refused(downloader: Make, tmp_path: Path) -> None:
    with serving(lambda handler: send_file(handler, BODY), tls=False) as plain:
        said = failure(downloader(), tmp_path, lambda handler: send(handler, 302, Location=f"{plain}/file"))
    assert f"redirects to {plain}/file, which is not https, so it is not followed" in said


def test_endless_redirect_fails(downloader: Make, tmp_path: Path) -> None:
    said = failure(downloader(), tmp_path, lambda handler: send(handler, 302, Location="/file"))
    assert "more than 5 redirects" in said


def test_plain_http_is_only_for_a_mirror_that_the_user_named(downloader: Make, tmp_path: Path) -> None:
    with serving(lambda handler: send_file(handler, BODY), tls=False) as plain:
        with pytest.raises(DownloadFailed, match="not an https address"):
            downloader().fetch(f"{plain}/file", tmp_path / "file")
        downloader(plain=frozenset([plain])).fetch(f"{plain}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    said = failure(Downloader(), tmp_path, lambda handler: send_file(handler, BODY))
    assert "the certificate is not trusted: " in said
    assert "set REQUESTS_CA_BUNDLE" in said


def test_forbidden_file_is_named_with_its_status(downloader: Make, tmp_path: Path) -> None:
    said = failure(downloader(), tmp_path, lambda handler: send(handler, 403))
    assert "the server refuses the file with status 403; name a mirror" in said


def test_proxy_of_the_environment_is_used(
    downloader: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def proxy(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        send(handler, 407)

    with serving(proxy, tls=False) as place:
        monkeypatch.setenv("HTTPS_PROXY", place)
        with pytest.raises(DownloadFailed, match=r"the proxy of the environment \(HTTPS_PROXY.* 407"):
            downloader().fetch("https://releases.invalid/file", tmp_path / "file")
    assert asked == ["releases.invalid:443"]


def test_unreachable_server_fails_with_the_reason(downloader: Make, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="failed 4 times in a row: ConnectionRefusedError"):
        downloader().fetch("https://127.0.0.1:9/file", tmp_path / "file")


def test_file_larger_than_the_free_space_is_refused(
    downloader: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1 << 20})())
    said = failure(downloader(), tmp_path, lambda handler: send(handler, 200, BODY * 3))
    assert said.startswith("NoSpace: ")
    assert "1 MiB free and file needs 2 MiB: free space there" in said


def test_disk_that_fills_up_is_named(downloader: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PART", "")
    with serving(lambda handler: send(handler, 200, BODY)) as url, pytest.raises(NoSpace, match="free space"):
        downloader().fetch(f"{url}/file", Path("/dev/full"))


def test_message_shows_neither_password_nor_query() -> None:
    assert download.shown("https://me:secret@host:1/path?token=2") == "https://host:1/path"


def test_variable_that_names_no_authorities_is_refused(
    downloader: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped REQUESTS_CA_BUNDLE is named before anything is requested."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    said = failure(downloader(), tmp_path, lambda handler: send_file(handler, BODY))
    assert "REQUESTS_CA_BUNDLE=/nowhere/ca.pem: there is no such file; correct or unset" in said
