"""The gate: every rule in turn, until a text has nothing left that a rule would remove."""

from functools import lru_cache, partial

from reports.redaction import (
    blocks,
    cookies,
    encodings,
    fields,
    known,
    kubernetes,
    pairs,
    phrases,
    tokens,
    unstyled,
    urls,
)
from reports.redaction.scan import Budget, Span, applied, merged

#: How deep a secret may be encoded: base64 in an escaped string in base64.
DEPTH = 3
#: A rule's replacement may let another see more; no text needs a third round.
ROUNDS = 4
#: Texts up to this length recur, such as the names of tests and files, so the last results are kept.
SHORT, KEPT = 400, 4096


def redact(text: str) -> str:
    """The text with every secret in it replaced by `[redacted]`; a clean text comes back as it is."""
    return _short(text, known.version()) if len(text) <= SHORT else _redacted(text, DEPTH)


@lru_cache(maxsize=KEPT)
def _short(text: str, _known: object) -> str:
    return _redacted(text, DEPTH)


def spans(text: str) -> list[Span]:
    """Where secrets are that a first look finds, in order and without overlaps."""
    return merged([*_found(text), *unstyled.spans(text, _found)])


def _redacted(text: str, depth: int) -> str:
    for _ in range(ROUNDS):
        clean = _once(text, depth)
        if clean == text:
            break
        text = clean
    return text


def _once(text: str, depth: int) -> str:
    deeper = partial(_redacted, depth=depth - 1)
    if depth:
        text = encodings.inside_strings(text, deeper)
    found = [*_found(text), *unstyled.spans(text, _found)]
    if depth:
        found += encodings.spans(text, deeper)
    return applied(text, found) if found else text


def _found(text: str) -> list[Span]:
    budget = Budget(8 * len(text) + 50_000)
    return [
        *known.spans(text),
        *blocks.spans(text),
        *fields.spans(text, budget),
        *pairs.spans(text, budget),
        *kubernetes.spans(text),
        *phrases.spans(text),
        *urls.spans(text),
        *cookies.spans(text),
        *tokens.spans(text),
    ]
