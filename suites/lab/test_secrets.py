"""No secret reaches the report or the terminal, wherever it is on a real cluster."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.settings import MANIFESTS
from lab import engine, runs
from lab.clean import remove_leftovers
from lab.paths import PROJECT
from suites.selftest.planted import SECRETS, VARIABLE, leaks

pytestmark = pytest.mark.lab

NAME = "istio-conformance-secrets"
APP, ROUTE = "app/test-app.yaml", "article/virtual-service.yaml"

#: A pod beside the app whose probe fails; the event quotes the probe's configuration.
TALKATIVE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "talkative", "namespace": "test-namespace"},
    "spec": {
        "nodeSelector": {"role": "common-workers"},
        "containers": [
            {
                "name": "talkative",
                "image": "registry.lab/client:1",
                "imagePullPolicy": "IfNotPresent",
                "readinessProbe": {
                    "exec": {"command": ["/usr/bin/cat", f"/token={SECRETS['event']}"]},
                    "periodSeconds": 1,
                },
            }
        ],
    },
}


def _app(documents: list[Any]) -> list[Any]:
    """The app with a password in its environment, and others in the path and the header of its probe."""
    (deployment,) = (each for each in documents if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "DB_PASSWORD", "value": SECRETS["manifest"]}]
    probe = container["readinessProbe"]["httpGet"]
    probe["path"] = f"/?token={SECRETS['log']}"
    probe["httpHeaders"] = [{"name": "Authorization", "value": f"Bearer {SECRETS['dump']}"}]
    return [*documents, TALKATIVE]


def _route(documents: list[Any]) -> list[Any]:
    """A route that sets a header, behind a wrong direct response that contains a secret."""
    (route,) = documents
    told = {"status": 503, "body": {"string": f"upstream refused password={SECRETS['assertion']}"}}
    cookie = {"response": {"set": {"set-cookie": f"session={SECRETS['observed']}; Path=/"}}}
    basic = {"request": {"set": {"authorization": f"Basic {SECRETS['command']}"}}}
    (way,) = route["spec"]["http"]
    every = [{"uri": {"prefix": "/"}, "headers": {"user-agent": {"regex": ".+"}}}]
    wrong = {"match": every, "directResponse": told, "headers": cookie}
    route["spec"]["http"] = [wrong, {**way, "headers": basic}]
    return documents


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """The project's app and route with added secrets."""
    for name, changed in ((APP, _app), (ROUTE, _route)):
        documents = [*yaml.safe_load_all((MANIFESTS / name).read_text(encoding="utf-8"))]
        (tmp_path / "manifests" / name).parent.mkdir(parents=True)
        (tmp_path / "manifests" / name).write_text(yaml.safe_dump_all(changed(documents)), encoding="utf-8")
    return tmp_path / "manifests"


def test_report_of_a_failed_run_contains_no_secret(
    running: engine.Engine, overlay: Path, tmp_path: Path
) -> None:
    """After a stage fails on a mesh full of secrets, results, page and terminal contain none of them."""
    results, page = tmp_path / "results", tmp_path / "page.html"
    command = [sys.executable, "-m", "pytest", "suites/article", "-p", "no:cacheprovider", "-vv", "-rA"]
    options = [f"--manifests={overlay}", "--stage=virtual-service", "--time-out=config_propagation=5"]
    kept = ["--keep-cluster", f"--cluster-name={NAME}", f"--alluredir={results}"]
    proxy = f"http://bob:{SECRETS['collector']}@127.0.0.1:9"
    environment = {**os.environ, VARIABLE: SECRETS["known"], "HTTPS_PROXY": proxy, "no_proxy": "127.0.0.1"}
    terminal = _run([*command, *options, *kept], environment)
    key = _key_of(runs.folder_of(NAME) / "kubeconfig")
    remove_leftovers(running, print)
    terminal += _run(
        [
            sys.executable,
            "-m",
            "suites.command",
            "report",
            "build",
            "--results",
            str(results),
            "--page",
            str(page),
        ],
        environment,
    )
    (tmp_path / "terminal").write_text(terminal)
    assert "FAIL  VirtualService" in terminal, terminal[-4000:]
    assert any("503" in file.read_text() for file in results.glob("*-result.json")), "the failure is reported"
    pieces = "".join(file.read_text(errors="replace") for file in results.glob("*-attachment*"))
    for told in ("DB_PASSWORD", "set-cookie", "Readiness probe failed", "GET /?token=", "directResponse"):
        assert told in pieces, f"the evidence lacks {told}, and its secret with it"
    found = [*leaks(results), *leaks(page), *leaks(tmp_path / "terminal")]
    assert found == []
    assert not [file for file in (*results.iterdir(), page) if key in file.read_text(errors="replace")]


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    """The complete output of a program."""
    ran = subprocess.run(
        command, cwd=PROJECT, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    return ran.stdout


def _key_of(kubeconfig: Path) -> str:
    (user,) = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["users"]
    return str(user["user"]["client-key-data"])
