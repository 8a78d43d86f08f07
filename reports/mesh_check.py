"""The result of `mesh check` as a table for a person, and as JUnit's XML for a CI system, from its JSON."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from reports.durations import in_words
from reports.xml_text import allowed

Json = Mapping[str, Any]

#: The widest line of a table, and the narrowest terminal that it is laid out for.
WIDTH, _NARROWEST = 110, 50
#: The findings of one check that a table has.
SHOWN = 10
_ERROR = "error"


def table(result: Json, shown: int = SHOWN, columns: int = WIDTH) -> str:
    """Return the findings as a table, then why each kind matters and what to do, and what was not checked.

    Of each check, the table has at most `shown` findings. `columns` is the terminal's width.
    """
    width = max(_NARROWEST, min(WIDTH, columns))
    lines = [*_wrapped(_head(result), "", width), ""]
    findings: Sequence[Json] = result["findings"]
    if findings:
        lines += [*_rows(findings, shown, width), "", *_explained(findings, width)]
    if result["notChecked"]:
        lines += ["not checked:", *_not_checked(result["notChecked"], width), ""]
    return "\n".join([*lines, *_wrapped([_verdict(result)], "", width), ""])


def _verdict(result: Json) -> str:
    """Return the last line: what the check came to, and the exit code."""
    counts = result["counts"]
    found = ", ".join(
        f"{counts[name]} {name}{'s' if counts[name] != 1 else ''}" for name in ("error", "warning", "note")
    )
    left = f", {counts['notChecked']} not checked" if counts["notChecked"] else ""
    word = "failed" if counts["error"] else "partial" if counts["notChecked"] else "passed"
    return f"verdict: {word} (exit {result['exitCode']}): {found}{left}, in {in_words(result['seconds'])}"


def junit(result: Json) -> str:
    """Return one test case for each check: errors are failures, what was not checked is skipped."""
    failed = {each["check"] for each in result["findings"] if each["severity"] == _ERROR}
    skipped = {each["check"]: each for each in result["notChecked"]}
    names = [*result["checks"], *(name for name in skipped if name not in result["checks"])]
    suite = ElementTree.Element(
        "testsuite",
        name="istio-conformance mesh check",
        tests=str(len(names)),
        failures=str(len(failed)),
        errors="0",
        skipped=str(len(set(skipped) - failed)),
        time=str(result["seconds"]),
        timestamp=result["date"],
    )
    for name in names:
        case = ElementTree.SubElement(suite, "testcase", classname="mesh.check", name=name, time="0")
        found = [each for each in result["findings"] if each["check"] == name]
        text = "\n".join(_line(each) for each in found)
        if name in failed:
            kind = {"type": _ERROR, "message": allowed(found[0]["title"])}
            ElementTree.SubElement(case, "failure", kind).text = allowed(f"{text}\n{_advice(found[0])}")
        elif name in skipped:
            ElementTree.SubElement(case, "skipped", message=allowed(skipped[name]["reason"]))
        if found and name not in failed:
            ElementTree.SubElement(case, "system-out").text = allowed(f"{text}\n{_advice(found[0])}")
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _head(result: Json) -> list[str]:
    mesh, cluster = result["mesh"], result["cluster"]
    planes = ", ".join(
        f"{each['version']} as revision {each['revision']} ({each['ready']} of {each['desired']} ready)"
        for each in mesh["controlPlanes"]
    )
    versions = ", ".join(f"{number} of {version}" for version, number in mesh["proxyVersions"].items())
    proxies = f"{mesh['proxies']} proxies{f' ({versions})' if versions else ''}"
    return [
        f"Istio {planes} in namespace {mesh['namespace']}; {proxies}",
        f"Kubernetes {cluster['kubernetes']}, context {cluster['context']}, {cluster['server']}",
    ]


def _rows(findings: Sequence[Json], shown: int, width: int) -> Iterator[str]:
    """Yield the table; where a row would be too wide, each object has a line of its own."""
    titles = ("SEVERITY", "CHECK", "OBJECT")
    first = len(titles[0])
    second = max(len(titles[1]), *(len(each["check"]) for each in findings))
    counted: Counter[tuple[str, str]] = Counter()
    totals = Counter((each["severity"], each["check"]) for each in findings)
    rows: list[tuple[str, str, str, str]] = []
    for finding in findings:
        kind = (finding["severity"], finding["check"])
        counted[kind] += 1
        if counted[kind] <= shown:
            rows.append((*kind, _object(finding), finding["observed"]))
        elif counted[kind] == totals[kind]:
            rows.append((*kind, f"and {totals[kind] - shown} more: --all or -o json lists them", ""))
    indent = " " * (first + 2)
    stacked = width < WIDTH and any(first + second + len(row[2]) + 4 > width for row in rows)
    for severity, check, place, observed in [(*titles, ""), *rows]:
        if stacked:
            yield f"{severity:{first}}  {check}"
            yield f"{indent}{place}"
        else:
            yield f"{severity:{first}}  {check:{second}}  {place}"
        yield from _wrapped([observed], indent, width)


def _explained(findings: Sequence[Json], width: int) -> Iterator[str]:
    for finding in {each["check"]: each for each in findings}.values():
        yield from _wrapped([f"{finding['check']}: {finding['title']}"], "", width)
        yield from _wrapped([f"why: {finding['why']}", f"do:  {finding['advice']}"], "  ", width)
        yield f"  {finding['docs']}"
        yield ""


def _not_checked(skipped: Sequence[Json], width: int) -> Iterator[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for each in skipped:
        reasons.setdefault((each["missingRight"], each["reason"]), []).append(each["check"])
    for (right, reason), names in reasons.items():
        yield from _wrapped([", ".join(names)], "  ", width)
        yield from _wrapped([f"missing right: {right}; {reason}" if right else reason], "    ", width)


def _advice(finding: Json) -> str:
    return f"why: {finding['why']}\ndo: {finding['advice']}\n{finding['docs']}"


def _line(finding: Json) -> str:
    return f"{finding['severity']}: {_object(finding)}: {finding['observed']}"


def _object(finding: Json) -> str:
    place = finding["object"]
    name = f"{place['namespace']}/{place['name']}" if place["namespace"] else place["name"]
    return f"{place['kind']} {name}"


def _wrapped(texts: Sequence[str], indent: str, width: int) -> list[str]:
    """Return texts in lines of at most this width; names stay whole, to be copied."""
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
    ]
