"""What belongs to the run as a whole: its pictures and stand-ins, in order, and as the head of the page."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from reports.redaction import redact_body, redact_tree

_SVG_NAME = "http://www.w3.org/2000/svg"
_SVG = f"{{{_SVG_NAME}}}"
# What the pictures of reports/pictures are made of: an SVG with anything else is shown as an image.
_PLAIN = frozenset(f"{_SVG}{tag}" for tag in ("svg", "title", "rect", "path", "text"))
_ACTIVE = re.compile(r"^on|href|style", re.IGNORECASE)
_STAND_IN = re.compile(r"^stand-in \d+: ")
_GLOBALS = "*-globals.json"
#: What a reader has come for: it stands first, and unfolded.
VERDICT = "verdict"
#: Characters of a text that the head of the page shows; the whole is among the attachments.
LONGEST = 4000
_STYLE = """<style>
#overview{box-sizing:border-box;width:calc(100% - 64px);max-width:920px;margin:12px auto 0;
 padding:8px 24px;border-radius:8px;
 font:14px/1.5 Verdana,'DejaVu Sans',Arial,sans-serif;
 background:var(--color-bg-primary,#fff);color:var(--color-text-primary,#1d2329)}
#overview summary{cursor:pointer;padding:6px 0;font-weight:bold}
#overview svg,#overview img{display:block;max-width:100%;height:auto;margin-bottom:12px}
#overview ol{list-style:decimal;margin:0 0 12px;padding-left:32px}
#overview pre{white-space:pre-wrap;margin:0 0 12px}
</style>"""


@dataclass(frozen=True, slots=True)
class Given:
    """One attachment of the whole run."""

    name: str
    source: Path
    type: str


def given(results: Path) -> list[Given]:
    """The verdict, then all others in the order of their time; KeyError in a strange file."""
    return [Given(each["name"], results / each["source"], each["type"]) for each in _in_order(results)]


def prepared(results: Path, folder: Path) -> Path:
    """A copy of the results for Allure, with the run's attachments in order and without pytest's own steps.

    Allure takes the files as the disk has them; and for each fixture of a test it would show a tear-down that
    is nothing but pytest's bookkeeping.
    """
    shutil.copytree(results, folder, ignore=shutil.ignore_patterns(_GLOBALS))
    if ordered := _in_order(results):
        (folder / "all-globals.json").write_text(json.dumps({"attachments": ordered}))
    for path in folder.glob("*-container.json"):
        container = json.loads(path.read_text())
        container["afters"] = [step for step in container.get("afters", []) if not _bookkeeping(step)]
        path.write_text(json.dumps(container))
    _redact(folder)
    return folder


def _redact(folder: Path) -> None:
    """Results may come from an older run, which wrote them without the gate or with another one."""
    for path in folder.iterdir():
        if path.suffix == ".json" and path.stem.endswith(("-result", "-container", "-globals")):
            path.write_text(json.dumps(redact_tree(json.loads(path.read_text()))))
        elif path.is_file():
            path.write_bytes(redact_body(path.read_bytes()))


def head(every: Sequence[Given]) -> str:
    """One folded line for each picture, for each text, and for all stand-ins; "" where there is nothing.

    Only the verdict is unfolded.
    """
    stand_ins = [each for each in every if _STAND_IN.match(each.name)]
    parts = [_folded(each.name, _shown(each)) for each in every if each not in stand_ins]
    if stand_ins:
        listed = "".join(f"<li>{html.escape(_STAND_IN.sub('', each.name))}</li>" for each in stand_ins)
        parts.append(
            _folded(
                f"stand-ins: what is not as in a published Istio ({len(stand_ins)})", f"<ol>{listed}</ol>"
            )
        )
    return f'{_STYLE}<section id="overview">{"".join(parts)}</section>' if parts else ""


def _bookkeeping(step: Mapping[str, str]) -> bool:
    # allure-pytest never ends such a step: it has a status only if something raised in it.
    return step["name"].endswith("::<lambda>") and step.get("status") in {None, "passed"}


def _in_order(results: Path) -> list[Mapping[str, str]]:
    every = [each for path in results.glob(_GLOBALS) for each in json.loads(path.read_text())["attachments"]]
    return sorted(
        every, key=lambda each: (each["name"] != VERDICT, each["timestamp"], _by_number(each["name"]))
    )


def _by_number(name: str) -> list[tuple[int, str]]:
    """So that 10 comes after 2."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _folded(name: str, content: str) -> str:
    unfolded = " open" if name == VERDICT else ""
    title = html.escape(name[:1].upper() + name[1:])
    return f"<details{unfolded}><summary>{title}</summary>{content}</details>"


def _shown(each: Given) -> str:
    if not each.type.startswith("image/"):
        text = each.source.read_text(errors="replace")
        left = (
            f"\n... {len(text) - LONGEST} more characters: see Global Attachments"
            if len(text) > LONGEST
            else ""
        )
        return f"<pre>{html.escape(text[:LONGEST] + left)}</pre>"
    content = each.source.read_bytes()
    if each.type == "image/svg+xml" and (inline := _inline(content)):
        return inline
    encoded = base64.b64encode(content).decode()
    return f'<img alt="{html.escape(each.name)}" src="data:{each.type};base64,{encoded}">'


def _inline(svg: bytes) -> str:
    """A plain SVG as part of the page, where its tooltips work; "" for one that holds more than shapes."""
    if b"<!" in svg:
        return ""
    try:
        root = ET.fromstring(svg)  # noqa: S314 - it declares no entities
    except ET.ParseError:
        return ""
    for each in root.iter():
        if each.tag not in _PLAIN or any(_ACTIVE.search(name) for name in each.attrib):
            return ""
    ET.register_namespace("", _SVG_NAME)
    return ET.tostring(root, encoding="unicode")
