"""The command that repeats a failed test."""

from fixtures import reproduce

RUN = ["suites/article", "--istio-version", "1.28.2", "--installer=manifests", "-x", "--manifests=my files"]
UPGRADE = ["suites/upgrade", "--from=1.28.2", "--mesh-retries", "--strategy", "canary", "--mode", "gate"]


def test_a_stage_repeats_the_options_that_it_depends_on() -> None:
    assert reproduce.of_stage("graph", RUN) == (
        "istio-conformance run --stage=graph --istio-version=1.28.2 --installer=manifests "
        "'--manifests=my files' --keep-cluster"
    )


def test_an_upgrade_repeats_only_its_own_strategy() -> None:
    assert reproduce.of_upgrade("in-place", UPGRADE) == (
        "istio-conformance upgrade --strategy=in-place --from=1.28.2 --mode=gate --mesh-retries"
    )


def test_a_whole_upgrade_repeats_the_strategies_of_the_run() -> None:
    arguments = ["--from=1.28.2", "--strategy", "canary"]
    assert reproduce.of_upgrade("", arguments) == "istio-conformance upgrade --strategy=canary --from=1.28.2"
    assert reproduce.of_upgrade("", ["--from=1.28.2"]) == "istio-conformance upgrade --from=1.28.2"


def test_another_test_repeats_the_whole_command() -> None:
    assert reproduce.of_any(["suites/lab", "-k", "a or b"]) == "python -m pytest suites/lab -k 'a or b'"
