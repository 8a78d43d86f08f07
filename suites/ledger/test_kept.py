"""The installed version behaves as its recorded ledger says."""

import allure
import pytest

from fixtures.distributions.base import Edition
from fixtures.ledger.baselines import check_as_kept, kept
from fixtures.ledger.ledger import Ledger
from fixtures.stages import Observed

pytestmark = pytest.mark.stage("control-plane")


@allure.title("The installed version behaves as its recorded ledger says")
def test_behaviour_matches_the_recorded_ledger(
    observed_ledger: Ledger, distribution: Edition, observed: Observed
) -> None:
    """Compares containers, listeners, metrics and more, of an install with an injected app."""
    key = observed_ledger.key
    before = kept(key)
    if before is None:
        pytest.skip(f"no ledger is recorded for {key}; save the attached one as {key.file} to record it")
    envoy = before.observed["proxies"]["sidecar"]["envoy"]
    if envoy != distribution.envoy_version:
        pytest.skip(
            f"the recorded ledger of {key} has Envoy {envoy}, this install has {distribution.envoy_version}"
        )
    check_as_kept(observed_ledger, before)
    observed(f"all {observed_ledger.text().count(chr(10))} lines match the recorded ledger")
