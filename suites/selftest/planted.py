"""A different secret for every exit of a run, and a suite that leaks each of them.

A test on a real lab can use the same data: no secret of `SECRETS` may appear anywhere, and `TEXTS` has the
text at each exit.
"""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

#: Exit to the text written there; {} is replaced by its secret.
FORMS: Mapping[str, str] = {
    "assertion": "the route has headers {{'Authorization': 'Bearer {}'}}",
    "comparison": "{}",
    "observed": "Cookie: session={}",
    "command": "curl: (22) refused with https://bob:{}@host:8080/",
    "log": "[pod/web-1/web] password={} user=bob",
    "manifest": "env:\n- name: DB_PASSWORD\n  value: {}\n- name: A\n  value: b",
    "dump": '{{"private_key": {{"inline_string": "{}"}}, "name": "default"}}',
    "event": "Warning  Failed  pod/web-1  Error: token={}",
    "kubeconfig": "users:\n- name: a\n  user:\n    client-key-data: {}",
    "environment": "PATH=/bin\nAPI_KEY={}",
    "collector": "refused: proxy http://bob:{}@proxy:3128",
    "stdout": "Authorization: Basic {}",
    "logging": "login with passphrase: {}",
    "warning": "deprecated: --password {}",
    "skip": "not reached because of password '{}'",
    "parameter": "token={}",
    "fixture": "secret_key: {}",
    "teardown": "apiKey: {}",
    "collection": "client_secret={}",
    "usage": "password={}",
    "attached": "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    "step": "x-api-key: {}",
    "known": "{}",
}


def _secret(exit_name: str) -> str:
    """Unique letters and digits that only the rule for this exit can recognize."""
    return base64.b64encode(f"planted at {exit_name}:".encode()).decode().rstrip("=")


SECRETS: Mapping[str, str] = {name: _secret(name) for name in FORMS}
TEXTS: Mapping[str, str] = {name: form.format(SECRETS[name]) for name, form in FORMS.items()}
#: A variable whose value is printed without any name beside it.
VARIABLE = "PLANTED_PASSWORD"

SUITE = """
    import logging, warnings
    import allure
    import pytest
    from fixtures.clients.command import CommandFailed
    from suites.selftest.planted import SECRETS, TEXTS

    def test_assertion(cluster):
        assert False, TEXTS["assertion"]

    def test_comparison():
        assert {"authorization": SECRETS["comparison"], "x": "y" * 300} == {}

    @pytest.mark.stage("cluster")
    def test_observed(observed):
        observed(TEXTS["observed"])

    @pytest.mark.stage("gateway")
    def test_command():
        said = {"stderr": TEXTS["command"]}
        raise CommandFailed(["curl", "--password", SECRETS["command"]], "ended with status 22", **said)

    def test_output(capsys_off=None):
        print(TEXTS["stdout"])
        logging.getLogger("planted").error(TEXTS["logging"])
        warnings.warn(TEXTS["warning"], UserWarning)
        assert not "printed"

    @pytest.mark.stage("label")
    def test_skipped():
        pytest.skip(TEXTS["skip"])

    @pytest.mark.parametrize("value", [TEXTS["parameter"]])
    def test_parameter(value):
        assert not value

    def test_fixture(broken): ...

    def test_teardown(leaking): ...

    def test_attached(tmp_path):
        allure.attach(TEXTS["attached"], TEXTS["step"], allure.attachment_type.TEXT)
        allure.global_attach(TEXTS["attached"], TEXTS["step"], allure.attachment_type.TEXT)
        file = tmp_path / "x.txt"
        file.write_text(TEXTS["attached"])
        allure.attach.file(file, "file", allure.attachment_type.TEXT)
        allure.dynamic.title(TEXTS["step"])
        allure.dynamic.description(TEXTS["step"])
        allure.dynamic.label("planted", TEXTS["step"])
        allure.dynamic.link("https://bob:" + SECRETS["step"] + "@host/", name=TEXTS["step"])
        allure.dynamic.parameter("password", SECRETS["step"])
        with allure.step(TEXTS["step"]):
            raise RuntimeError(TEXTS["step"])

    def test_known():
        assert not SECRETS["known"]
"""
CONFTEST = """
    import pytest
    from suites.selftest.planted import TEXTS

    EVIDENCE = ("log", "manifest", "dump", "event", "kubeconfig", "environment")

    @pytest.fixture(scope="session")
    def cluster(evidence):
        for name in EVIDENCE:
            evidence.add(name, lambda name=name: TEXTS[name])
        evidence.add("collector", fails)

    def fails():
        raise ConnectionError(TEXTS["collector"])

    @pytest.fixture
    def broken(cluster):
        raise RuntimeError(TEXTS["fixture"])

    @pytest.fixture
    def leaking(cluster):
        yield
        raise RuntimeError(TEXTS["teardown"])
"""
UNCOLLECTED = """
    from suites.selftest.planted import TEXTS

    raise ImportError(TEXTS["collection"])
"""


def write_suite(folder: Path) -> None:
    """Write the suite as files that pytest runs with the project's plugins."""
    (folder / "conftest.py").write_text(dedent(CONFTEST))
    (folder / "test_planted.py").write_text(dedent(SUITE))
    (folder / "test_uncollected.py").write_text(dedent(UNCOLLECTED))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = stage\n")


def leaks(place: Path) -> Iterator[str]:
    """Every planted secret found in the file or below the folder, as exit and file."""
    for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
        if file.is_file():
            content = file.read_text(errors="replace") + file.name
            yield from (f"{name}: {file.name}" for name, secret in SECRETS.items() if secret in content)
