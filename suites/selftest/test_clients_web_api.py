"""A program's HTTP API at a URL: its text, and the errors that one through the API server has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fixtures.clients.api_server import ApiError, NotFound
from fixtures.clients.web_api import reader_at
from suites.selftest.fake_api_server import FakeApiServer, fake_api_server
from suites.selftest.secret_cases import JWT


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_api_server(tmp_path) as fake:
        yield fake


def url_of(server: FakeApiServer) -> str:
    config = yaml.safe_load(server.kubeconfig.read_text())
    return str(config["clusters"][0]["cluster"]["server"])


def test_text_at_a_path_below_the_url_is_returned(server: FakeApiServer) -> None:
    """Path and query follow the URL's own path."""
    server.on("GET /below/api/v1/query", "[]")
    assert reader_at(f"{url_of(server)}/below", 5)("/api/v1/query", {"query": "up{a=1}"}) == "[]"
    assert server.asked[0][2] == {"query": "up{a=1}"}


def test_refusals_are_those_of_the_api_server(server: FakeApiServer) -> None:
    """404 is NotFound, another status and no answer are ApiErrors with their status."""
    server.on("GET /login", (401, {"message": "log in"}))
    read = reader_at(url_of(server), 5)
    with pytest.raises(NotFound):
        read("/missing", {})
    with pytest.raises(ApiError, match="log in") as refused:
        read("/login", {})
    assert refused.value.status == 401
    with pytest.raises(ApiError, match="refused") as unanswered:
        reader_at("http://127.0.0.1:1", 5)("/", {})
    assert unanswered.value.status == 0


def test_secret_across_the_cut_is_redacted(server: FakeApiServer) -> None:
    """An answer is redacted before its beginning is quoted."""
    head = JWT.partition(".")[0]
    page = f"{'x ' * 80}token {JWT} end"
    assert head in page[:200]
    server.on("GET /page", (500, page))  # type: ignore[arg-type]
    with pytest.raises(ApiError) as refused:
        reader_at(url_of(server), 5)("/page", {})
    assert "x x" in str(refused.value)
    assert head not in str(refused.value)
