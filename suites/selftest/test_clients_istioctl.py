"""istioctl's command lines and the parsing of its output, with a script in place of istioctl."""

from pathlib import Path

import pytest

from fixtures.clients.command import CommandFailed
from fixtures.clients.istioctl import Istioctl

FINDING = '[{"code": "IST0101", "level": "Error"}]'


def istioctl(folder: Path, prints: str = "", status: int = 0) -> Istioctl:
    (folder / "prints").write_text(prints)
    program = folder / "istioctl"
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\n/bin/cat {folder}/prints\nexit {status}\n')
    program.chmod(0o755)
    return Istioctl(program=program, kubeconfig=Path("kc"), environment={}, timeout=5)


def recorded_arguments(folder: Path) -> str:
    return (folder / "asked").read_text().strip()


def test_versions_are_parsed_from_istioctls_json(tmp_path: Path) -> None:
    version = istioctl(tmp_path, '{"clientVersion": {"version": "1.29.1"}}').version()
    assert version["clientVersion"]["version"] == "1.29.1"
    assert recorded_arguments(tmp_path) == "version --output json --kubeconfig kc"


def test_invalid_json_is_an_error_that_shows_it(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="did not print JSON:\nNAME  CLUSTER"):
        istioctl(tmp_path, "NAME  CLUSTER\n").version()


def test_log_lines_before_the_json_are_skipped(tmp_path: Path) -> None:
    logged = "2026-11-24T18:07:22Z\terror\tkube\ttranslation function not found\n[\n]\n"
    assert istioctl(tmp_path, logged).analyze() == []


def test_upgrade_uses_the_arguments_of_an_install(tmp_path: Path) -> None:
    words = istioctl(tmp_path).upgrade_command(Path("a.yaml"), timeout=60)[1:]
    told = "upgrade --skip-confirmation --filename a.yaml --readiness-timeout 60s --kubeconfig kc"
    assert " ".join(words) == told


def test_tag_is_moved_whatever_it_pointed_to(tmp_path: Path) -> None:
    istioctl(tmp_path).set_tag("stable", "1-29-1")
    words = "tag set stable --revision 1-29-1 --overwrite --skip-confirmation --kubeconfig kc"
    assert recorded_arguments(tmp_path) == words


def test_only_the_named_revision_is_uninstalled(tmp_path: Path) -> None:
    istioctl(tmp_path).uninstall_revision("1-28-2")
    assert recorded_arguments(tmp_path) == "uninstall --revision 1-28-2 --skip-confirmation --kubeconfig kc"


def test_precheck_without_findings_returns_nothing(tmp_path: Path) -> None:
    assert istioctl(tmp_path).precheck("1.28") == []
    assert (
        recorded_arguments(tmp_path)
        == "experimental precheck --from-version 1.28 --output json --kubeconfig kc"
    )


def test_precheck_findings_are_a_result(tmp_path: Path) -> None:
    assert istioctl(tmp_path, FINDING, status=1).precheck("1.28") == [{"code": "IST0101", "level": "Error"}]


def test_manifest_is_what_an_install_would_apply(tmp_path: Path) -> None:
    assert istioctl(tmp_path, "kind: Deployment\n").manifest(Path("a.yaml")) == "kind: Deployment\n"
    assert recorded_arguments(tmp_path) == "manifest generate --filename a.yaml --kubeconfig kc"


def test_istioctl_times_out_before_the_command_does(tmp_path: Path) -> None:
    istioctl(tmp_path).install(Path("base.yaml"), Path("lab.yaml"), timeout=180)
    files = "--filename base.yaml --filename lab.yaml"
    assert recorded_arguments(tmp_path) == (
        f"install --skip-confirmation {files} --readiness-timeout 180s --kubeconfig kc"
    )


def test_failed_install_shows_istioctls_output(tmp_path: Path) -> None:
    words = "Deployment/istio-system/istiod (container failed to start: ErrImagePull)"
    with pytest.raises(CommandFailed, match="ErrImagePull") as failure:
        istioctl(tmp_path, words, status=1).install(timeout=1)
    assert failure.value.status == 1


def test_uninstall_purges_without_confirmation(tmp_path: Path) -> None:
    istioctl(tmp_path).uninstall()
    assert recorded_arguments(tmp_path) == "uninstall --purge --skip-confirmation --kubeconfig kc"


def test_sync_status_is_parsed_from_istiods_report(tmp_path: Path) -> None:
    report = istioctl(tmp_path, '{"istiod-1": [{"proxy": "gateway.istio-system"}]}').sync_status()
    assert report == {"istiod-1": [{"proxy": "gateway.istio-system"}]}
    assert recorded_arguments(tmp_path) == "experimental internal-debug --all syncz --kubeconfig kc"


def test_proxy_configuration_is_requested_by_pod_and_namespace(tmp_path: Path) -> None:
    assert istioctl(tmp_path, "[]").proxy_config("listener", "web-1", "test") == []
    assert recorded_arguments(tmp_path) == "proxy-config listener web-1.test --output json --kubeconfig kc"


def test_analyze_findings_are_a_result(tmp_path: Path) -> None:
    assert istioctl(tmp_path, FINDING, status=79).analyze() == [{"code": "IST0101", "level": "Error"}]
    assert recorded_arguments(tmp_path) == "analyze --all-namespaces --output json --kubeconfig kc"


def test_analyze_findings_are_also_available_as_text(tmp_path: Path) -> None:
    told = istioctl(tmp_path, "Error [IST0101] no such gateway", status=79)
    assert told.read("analyze", "--all-namespaces") == "Error [IST0101] no such gateway"
    with pytest.raises(CommandFailed, match="ended with status 79"):
        told.read("proxy-status")


def test_failed_analyze_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="ended with status 1:\nno cluster"):
        istioctl(tmp_path, "no cluster", status=1).analyze()


def test_reference_is_the_page_that_istioctl_generates(tmp_path: Path) -> None:
    program = istioctl(tmp_path)
    program.program.write_text('#!/bin/sh\necho "$2 $3" > "$4/istioctl.html"\n')
    assert program.reference() == "--html_fragment_with_front_matter --outputDir\n"
