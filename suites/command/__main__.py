"""Run `istio-conformance` as `python -m suites.command` in a checkout that is not installed."""

import sys

from reports.redaction import guarded_streams
from suites.command.main import main

if __name__ == "__main__":
    with guarded_streams():
        sys.exit(main(sys.argv[1:]))
