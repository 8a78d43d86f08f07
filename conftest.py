"""The plugins of every run. No module imports this file."""

import pytest

pytest.register_assert_rewrite("fixtures.checks")

pytest_plugins = [
    "pytester",
    # First, so that all reports and output pass through it.
    "fixtures.plugins.redaction",
    "fixtures.plugins.signals",
    "fixtures.plugins.options",
    "fixtures.plugins.stages",
    "fixtures.plugins.report",
    "fixtures.plugins.causes",
    "fixtures.plugins.preparation",
    "fixtures.plugins.cluster",
    "fixtures.plugins.mesh",
    "fixtures.plugins.app",
    "fixtures.plugins.routing",
    "fixtures.plugins.addons",
    "fixtures.plugins.telemetry",
    "fixtures.plugins.tracing",
    "fixtures.plugins.ledger",
    "fixtures.plugins.upgrade_options",
    "fixtures.plugins.upgrade",
    "fixtures.plugins.upgrade_verdict",
    "fixtures.plugins.verdict",
]
