"""The subcommand `istio-conformance prove`; see its `--help`."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from fixtures.stages import NAMES
from lab.progress import readable
from suites.prove import matrix
from suites.prove.catalogue import Fault, faults, unbroken
from suites.prove.trial import Result, StageFailed, shared_cluster

#: Estimated seconds for one fault, used until the first one has been measured.
_FAULT = 40.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove the chosen faults; 0 if each was caught as expected, 1 if not, 2 for a wrong option."""
    chosen = _arguments(sys.argv[1:] if arguments is None else arguments)
    catalogue = faults()
    selected = [
        fault
        for fault in catalogue
        if (not chosen.stage or fault.stage in chosen.stage)
        and (not chosen.fault or fault.name in chosen.fault)
    ]
    if chosen.list:
        for fault in selected:
            sys.stdout.write(f"{fault.stage:16} {fault.name:36} {fault.broken}\n")
        return 0
    if not selected:
        sys.stderr.write("no fault matches: `istio-conformance prove --list` lists them\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    results: list[Result] = []
    try:
        _prove(selected, results)
    except StageFailed as error:
        sys.stderr.write(f"{error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the cluster is removed\n")
        return 2
    finally:
        _report(selected, catalogue, results, chosen.write)
    return int(len(results) < len(selected) or any(result.reasons for result in results))


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="istio-conformance prove",
        description="Break each assertion of the stages on the lab, and expect it to fail.",
    )
    parser.add_argument("--stage", action="append", choices=NAMES, help="only the faults of this stage")
    parser.add_argument("--fault", action="append", choices=[each.name for each in faults()], metavar="NAME",
                        help="only this fault; may be repeated")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the faults and run nothing")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the matrix into this document")
    return parser.parse_args(arguments)


def _prove(selected: Sequence[Fault], results: list[Result]) -> None:
    begun = time.monotonic()
    with shared_cluster(f"istio-conformance-prove-{os.getpid()}") as cluster:
        stage = ""
        for number, fault in enumerate(selected):
            if fault.reached != stage:
                stage = fault.reached
                _say(f"stage {stage}: must pass with nothing broken")
                cluster.advance(stage)
            spent = time.monotonic() - begun
            each = spent / number if number else _FAULT
            left = readable(each * (len(selected) - number))
            _say(f"fault {number + 1} of {len(selected)}, about {left} left: {fault.name}")
            results.append(result := cluster.prove(fault))
            caught = f"NOT caught: {'; '.join(result.reasons)}" if result.reasons else "caught"
            _say(f"  {caught}, {result.seconds:.0f} s")
            if not result.restored:
                # The next fault gets a new cluster.
                cluster.remove()
                stage = ""


def _report(
    selected: Sequence[Fault], catalogue: Sequence[Fault], results: Sequence[Result], document: Path | None
) -> None:
    rows = {result.fault.name: matrix.row(result) for result in results}
    sys.stdout.write(matrix.table(selected, rows) + "\n\n")
    left = unbroken()
    sys.stdout.write(
        f"{len(left)} tests of suites/article are broken by no fault: suites/prove/unbroken.yaml\n"
    )
    caught = sum(not result.reasons for result in results)
    sys.stdout.write(f"{caught} of {len(results)} faults caught, {len(selected) - len(results)} not run\n")
    if document is not None:
        text = document.read_text(encoding="utf-8")
        document.write_text(matrix.written(text, catalogue, left, rows), encoding="utf-8")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
