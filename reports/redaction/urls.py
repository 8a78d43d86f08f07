"""User and password in URLs, and parameters of URLs that are secrets."""

import re
from collections.abc import Iterator

from reports.redaction.names import PARAMETERS, Strength, normalized, strength
from reports.redaction.scan import Span

_URL = re.compile(
    r"(?:(?<=:)|(?<![^\s\"'=(]))\\?/\\?/(?P<rest>[^\s\"'<>`\\|]{1,600})|(?<=:)(?:\\?/){2}(?P<more>[^\s\"'<>`|]{1,600})"
)
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[\w.-]{0,253})|\[[0-9A-Fa-f:.]+\]|\$\{?\w+\}?)(?::\d{1,5})?(?=[/?#,;)\]}]|\.?$|\.\s)"
)
_DIGEST = re.compile(r"sha\d+:|v?\d+(?:\.\d+)*(?:$|/|\.)|v/|latest|main|master|HEAD")
_WITHOUT_SCHEME = re.compile(
    r"(?<![\w@./:%+-])(?P<user>[A-Za-z0-9][\w.%+-]{0,63}):(?!//)(?P<password>[^\s@\"'<>`,;]{2,200})@"
    r"(?=(?:tcp|udp|unix)\(|(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d|[/\s\"',;)]|$)|localhost\b|[\w.-]+:\d{2,5}\b|\d+\.\d+\.\d+\.\d+)"
)
_NO_SCHEME = frozenset({"mailto", "sip", "xmpp", "acct", "email", "contact", "from", "to", "e-mail"})
_PARAMETER = re.compile(r"(?<=[?&;])(?P<name>[\w.%~-]{1,60})=(?P<value>[^\s&#\"'<>`\\;]{1,4000})")
#: A code of HTTP and a word for a state are no codes and states of OAuth.
_STATE = re.compile(r"(?:code=(?:\d{1,3}|[A-Z_]+)|(?:state|key)=[A-Za-z]{1,12})")
_FRAGMENT = re.compile(r"(?<=#)(?P<name>access_token|id_token|token|code)=(?P<value>[^\s&\"'<>`\\]{1,4000})")


def spans(text: str) -> Iterator[Span]:
    """Where they are: of a URL its user info only, so that the host stays readable."""
    if "//" in text or "/\\/" in text:
        yield from _user_info(text)
    if "@" in text:
        for found in _WITHOUT_SCHEME.finditer(text):
            if found["user"].lower() not in _NO_SCHEME:
                yield found.start(), found.end() - 1
    if "=" in text:
        for found in _PARAMETER.finditer(text):
            said = normalized(found["name"]) in PARAMETERS and not _STATE.fullmatch(found.group())
            if said or strength(found["name"]) is not Strength.NONE:
                yield found.span("value")
        yield from (found.span("value") for found in _FRAGMENT.finditer(text))


def _user_info(text: str) -> Iterator[Span]:
    for found in _URL.finditer(text):
        group = "rest" if found["rest"] else "more"
        length = _length(found[group])
        if length:
            yield found.start(group), found.start(group) + length


def _length(rest: str) -> int:
    """Characters of the user info; 0 where there is none."""
    if "@" not in rest:
        return 0
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    ats = [place for place, character in enumerate(rest) if character == "@"]
    within = [place for place in ats if place < len(authority)]
    user, _, tail = authority.partition(":")
    suspect = bool(within) or (bool(tail) and not re.fullmatch(r"\d{1,5}", tail) and "[" not in user)
    if not suspect:
        # Not a port's digits: a digest of an image, a version of a module, an address in a query.
        return 0
    for place in reversed(ats):
        behind = rest[place + 1 :]
        if place in within[-1:] or (_HOST.match(behind) and not _DIGEST.match(behind)):
            info = rest[:place]
            return 0 if info in {"git", "[redacted]"} else place
    return 0
