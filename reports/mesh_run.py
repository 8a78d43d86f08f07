"""The result of `mesh run` as last lines for a person, and as JUnit's XML for a CI system, from its JSON."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from reports.durations import in_words
from reports.xml_text import allowed

Json = Mapping[str, Any]


def verdict(result: Json) -> str:
    """Return the last lines: what was skipped and why, what is left, and what the run came to."""
    mesh, counts = result["mesh"], result["counts"]
    skipped = [each for each in result["stages"] if each["result"] == "skipped"]
    lines = [f"skipped: {each['name']}: {each['text']}" for each in skipped]
    if result["leftBehind"]:
        lines.append(f"LEFT BEHIND: {result['leftBehind']}")
    if result["kept"]:
        lines.append(f"kept: Namespace {result['namespace']}; `istio-conformance mesh cleanup` removes it")
    passed = f"{counts['passed']} of {len(result['stages'])} stages passed"
    passed += f", {counts['skipped']} skipped" if counts["skipped"] else ""
    lines.append(
        f"verdict: {result['result']} (exit {result['exitCode']}): Istio {mesh['version']}, revision "
        f"{mesh['revision']}: {passed}, in {in_words(result['seconds'], decimals=0)}"
    )
    return "".join(f"{line}\n" for line in lines)


def junit(result: Json) -> str:
    """Return one test case for each stage; what Kubernetes or a program failed is an error, not a failure.

    A stage that was not reached is skipped. A namespace that stays behind is an error of a case of its own.
    """
    stages, left = result["stages"], result["leftBehind"]
    found = [each["result"] for each in stages]
    suite = ElementTree.Element(
        "testsuite",
        name="istio-conformance mesh run",
        tests=str(len(stages) + 1),
        failures=str(found.count("failed")),
        errors=str(found.count("environment") + bool(left)),
        skipped=str(found.count("skipped") + found.count("not reached")),
        time=str(result["seconds"]),
        timestamp=result["date"],
    )
    for each in stages:
        _add(suite, each["name"], each["seconds"], each["title"], each["result"], each["text"])
    outcome = "environment" if left else "passed"
    _add(suite, "removal", 0, "The run's namespace is gone, or kept as asked", outcome, left)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _add(suite: ElementTree.Element, name: str, seconds: float, title: str, result: str, text: str) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname="mesh.run", name=name, time=str(seconds))
    if result in ("failed", "environment"):
        element = "failure" if result == "failed" else "error"
        kind = {"type": result, "message": allowed(title)}
        ElementTree.SubElement(case, element, kind).text = allowed(text)
    elif result in ("skipped", "not reached"):
        ElementTree.SubElement(case, "skipped", message=allowed(text or result))
    elif text:
        ElementTree.SubElement(case, "system-out").text = allowed(text)
