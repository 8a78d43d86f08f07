"""The installed version does what it was observed to do when its ledger was kept."""

import allure
import pytest

from fixtures.distributions.base import Edition
from fixtures.ledger.baselines import check_as_kept, kept
from fixtures.ledger.ledger import Ledger
from fixtures.stages import Observed

pytestmark = pytest.mark.stage("control-plane")


@allure.title("The version does what its kept ledger says")
def test_version_does_what_its_kept_ledger_says(
    observed_ledger: Ledger, distribution: Edition, observed: Observed
) -> None:
    """Istio is installed, and an app injected: containers, listeners, metrics and the rest are as before."""
    key = observed_ledger.key
    before = kept(key)
    if before is None:
        pytest.skip(f"no ledger is kept of {key}: the observed one is attached; kept, it is {key.file}")
    envoy = before.observed["proxies"]["sidecar"]["envoy"]
    if envoy != distribution.envoy_version:
        pytest.skip(
            f"the kept ledger of {key} is with Envoy {envoy}, and this is {distribution.envoy_version}"
        )
    check_as_kept(observed_ledger, before)
    observed(f"as its kept ledger says, in {observed_ledger.text().count(chr(10))} lines")
