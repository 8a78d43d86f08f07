"""Shows the attachments of the whole run (verdict, pictures, stand-ins) at the head of the page."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from reports.redaction import redact_body, redact_tree
from reports.results_folder import GLOBALS

_SVG_NAME = "http://www.w3.org/2000/svg"
_SVG = f"{{{_SVG_NAME}}}"
# The elements that reports/pictures uses. An SVG with any other element is embedded as an image.
_PLAIN = frozenset(f"{_SVG}{tag}" for tag in ("svg", "title", "rect", "path", "text"))
_ACTIVE = re.compile(r"^on|href|style", re.IGNORECASE)
_STAND_IN = re.compile(r"^stand-in \d+: ")
#: Name of the attachment that comes first.
VERDICT = "verdict"
# The pictures that answer by themselves: they are unfolded.
_UNFOLDED = re.compile(r"second by second$|^the mesh before and after injection$")
#: Characters of a text that the head of the page shows. The attachment has the full text.
LONGEST = 4000
_STYLE = """<style>
.overview{box-sizing:border-box;width:calc(100% - 64px);max-width:920px;margin:12px auto 0;
 padding:8px 24px;border-radius:8px;
 font:14px/1.5 Verdana,'DejaVu Sans',Arial,sans-serif;
 background:var(--color-bg-primary,#fff);color:var(--color-text-primary,#1d2329)}
.overview summary{cursor:pointer;padding:6px 0;font-weight:bold}
.overview svg,.overview img{display:block;max-width:100%;height:auto;margin-bottom:12px}
.overview ol{list-style:decimal;margin:0 0 12px;padding-left:32px}
.overview pre{white-space:pre-wrap;margin:0 0 12px}
@media(max-width:600px){.overview{width:calc(100% - 16px);padding:4px 12px}
 .overview details{overflow-x:auto}.overview svg,.overview img{width:720px;max-width:none}}
</style>"""


@dataclass(frozen=True, slots=True)
class Given:
    """One attachment of the whole run."""

    name: str
    source: Path
    type: str


def given(results: Path) -> list[Given]:
    """Return the run's attachments, the verdict first, then by time. Expects a checked folder."""
    return [Given(each["name"], results / each["source"], each["type"]) for each in _in_order(results)]


def prepared(results: Path, folder: Path) -> Path:
    """Copy the results for Allure, redacted, with the run's attachments in order. Return the copy's folder.

    Allure would show the attachments in directory order. The copy also omits the tear-down step of each
    fixture that contains only pytest's bookkeeping.
    """
    shutil.copytree(results, folder, ignore=shutil.ignore_patterns(GLOBALS))
    if ordered := _in_order(results):
        (folder / "all-globals.json").write_text(json.dumps({"attachments": ordered}))
    for path in folder.glob("*-container.json"):
        container = json.loads(path.read_text())
        container["afters"] = [step for step in container.get("afters", []) if not _bookkeeping(step)]
        path.write_text(json.dumps(container))
    _redact(folder)
    return folder


def _redact(folder: Path) -> None:
    """Redact the results again: an older run may have written them without redaction or with other rules."""
    for path in folder.iterdir():
        if path.suffix == ".json" and path.stem.endswith(("-result", "-container", "-globals")):
            path.write_text(json.dumps(redact_tree(json.loads(path.read_text()))))
        elif path.is_file():
            path.write_bytes(redact_body(path.read_bytes()))


def pictures(every: Sequence[Given]) -> str:
    """Return the HTML of the pictures that answer by themselves: the mesh, and an upgrade's seconds."""
    return _section(_folded(each.name, _shown(each), unfolded=True) for each in every if _unfolded(each))


def folds(every: Sequence[Given], *, answered: bool = False, evidence: Collection[str] = ()) -> str:
    """Return the HTML of one fold per other picture, one per text and one for all stand-ins, or "" for none.

    The verdict's line is unfolded unless the page is `answered` already, and so are the texts of `evidence`.
    """
    stand_ins = [each for each in every if _STAND_IN.match(each.name)]
    parts = [
        _folded(
            each.name, _shown(each), unfolded=each.name in evidence or (each.name == VERDICT and not answered)
        )
        for each in every
        if each not in stand_ins and not _unfolded(each)
    ]
    if stand_ins:
        listed = "".join(f"<li>{html.escape(_STAND_IN.sub('', each.name))}</li>" for each in stand_ins)
        parts.append(
            _folded(f"stand-ins: differences from a published Istio ({len(stand_ins)})", f"<ol>{listed}</ol>")
        )
    return _section(parts)


def _section(parts: Iterable[str]) -> str:
    content = "".join(parts)
    return f'{_STYLE}<section class="overview">{content}</section>' if content else ""


def _unfolded(each: Given) -> bool:
    return bool(_UNFOLDED.search(each.name))


def _bookkeeping(step: Mapping[str, str]) -> bool:
    # allure-pytest never stops such a step, so it has a status only if it raised an exception.
    return step.get("name", "").endswith("::<lambda>") and step.get("status") in {None, "passed"}


def _in_order(results: Path) -> list[Mapping[str, str]]:
    every = [
        each for path in results.glob(GLOBALS) for each in json.loads(path.read_text()).get("attachments", [])
    ]
    return sorted(
        every, key=lambda each: (each["name"] != VERDICT, each["timestamp"], _by_number(each["name"]))
    )


def _by_number(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts 10 after 2."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _folded(name: str, content: str, *, unfolded: bool = False) -> str:
    title = html.escape(name[:1].upper() + name[1:])
    return f"<details{' open' if unfolded else ''}><summary>{title}</summary>{content}</details>"


def _shown(each: Given) -> str:
    if not each.type.startswith("image/"):
        text = each.source.read_text(errors="replace")
        rest = (
            f"\n... {len(text) - LONGEST} more characters: see Global Attachments"
            if len(text) > LONGEST
            else ""
        )
        return f"<pre>{html.escape(text[:LONGEST] + rest)}</pre>"
    content = each.source.read_bytes()
    if each.type == "image/svg+xml" and (inline := _inline(content)):
        return inline
    encoded = base64.b64encode(content).decode()
    return f'<img alt="{html.escape(each.name)}" src="data:{html.escape(each.type)};base64,{encoded}">'


def _inline(svg: bytes) -> str:
    """Return a plain SVG for inlining, which makes tooltips work, or "" if it is not only shapes and text."""
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
