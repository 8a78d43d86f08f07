"""Each fault of the catalogue of `istio-conformance prove`, on one shared cluster."""

import os
from collections.abc import Iterator

import pytest

from suites.prove.catalogue import Fault, faults
from suites.prove.trial import SharedCluster, shared_cluster

pytestmark = [pytest.mark.lab, pytest.mark.full]


@pytest.fixture(scope="module")
def kept() -> Iterator[SharedCluster]:
    """The cluster that the faults share, removed at the end."""
    with shared_cluster(f"istio-conformance-trials-{os.getpid()}") as cluster:
        yield cluster


@pytest.mark.parametrize("fault", faults(), ids=str)
def test_fault_fails_its_stage_and_is_gone_once_removed(fault: Fault, kept: SharedCluster) -> None:
    """With the fault, the expected tests fail and name the cause; without it, the stage passes again."""
    kept.advance(fault.reached)
    result = kept.prove(fault)
    if not result.restored:
        kept.remove()
    assert not result.reasons, result
