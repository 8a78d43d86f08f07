"""Values of fields whose name says that they are secret, in every notation that reaches a report."""

import re
from collections.abc import Iterator

from reports.redaction import scan
from reports.redaction.names import JWK, Strength, strength
from reports.redaction.scan import Budget, Span

_TWO_WORDS = (
    "(?:(?i:api|access|secret|private|client|auth|session|refresh|signing|encryption|shared|bearer|bootstrap"
    "|master|pass|connection) )?"
)
_KEY = re.compile(
    rf"(?<![\w.-])(?P<name>{_TWO_WORDS}[\w.-]++)(?P<close>(?:\\*[\"'`]|&quot;|&#34;"
    rf"|\\+u0022)?\]?)[ \t]*+(?P<sep>=>|->|:=|[=!]==?|[:=])"
)
_LINE_START = re.compile(
    r"[ \t]*+(?:[-?][ \t]+)*+(?:(?:export|set|SET|ENV|ARG|declare -x|env:)[ \t]+)?\\*[\"'`]?$"
)
#: JSON may begin a value on the next line.
_GAP = re.compile(r"\s*\n\s*(?=\\*[\"'{\[])")
_BLOCK = re.compile(r"(?:[!&][^\s,]*[ \t]+)*+[|>][0-9+-]{0,2}[ \t]*+(?:#[^\n]*)?$")
_TAGS = re.compile(r"(?:[!&][A-Za-z!][^\s,:;]*(?:[ \t]+|$))*+")
#: What is said of a token or Secret, and no value of one.
_WORDS = re.compile(r"[a-z]+(?: [a-z]+)+[.!]?")
#: The name is the end of an absolute path, as in a list of mounts.
_PATH_BEFORE = re.compile(r"(?:^|(?<=[\s\"'(\[{,=]))/(?:[\w.-]+/)*\Z")
_STRING_PREFIX = re.compile(r"(?:[bBrRuU]{1,2}|\$)(?=[\"'])")
_HARMLESS_VALUE = re.compile(
    r"(?:true|false|null|none|nil|undefined|~|yes|no|on|off|optional|required|present|absent|missing|unset"
    r"|string(?: length [<>=\d ]+)?|integer|number|boolean|object(?: needs [\w, ]+)?|array|bytes|(?:(?:get"
    r"|list|watch|create|update|patch|delete|deletecollection)(?:, *)?)+|projected|emptyDir|hostPath"
    r"|configMap|downwardAPI|csi"
    r"|allow|deny|custom|audit|valid|invalid|expired|not found|permission denied"
    r"|no such file(?: or directory)?|\d{1,3}|\(\d+ bit[^)]*\)"
    r"|enabled|disabled|<none>|<nil>|<unset>|<empty>|<not set>"
    r"|<set to the key .*|\d+ bytes"
    r"|\$\{\{? *[\w.-]+ *\}?\}|\$\([\w.-]+\)|\$[A-Z_]+|\[\]|\{\}|\(\))?[,;]?",
    re.IGNORECASE,
)
#: A value in running text ends at white space, at the quote or bracket around it, or before the next pair.
_INLINE_END = re.compile(
    r"\s|(?<!\\)\\++[nrt\"'](?![\w@!#$%^&*])|[\"'`](?=[\s,;:}\])>]|$)|[&,;](?=\s|$|[\w.-]{1,60}=)|[)\]}>](?=[\s,;.)}\]\"']|$)"
    r"|\x1b"
)
_SENTENCE_END = re.compile(
    r"[,;][ \t]+(?=[\w.-]{1,60}[ \t]?[:=])|(?<!\\)\\++[nr]|[)\]}](?=[\s.,;)}\]\"']*$)|\x1b|\r?\n",
    re.MULTILINE,
)
_FLOW_END = re.compile(r"[,}\]\n]|\x1b")
_NEXT_PAIR = re.compile(r",[ \t]*\\*[\"']?[\w.-]+\\*[\"']?[ \t]*:|\}")
_INLINE_SOURCE = re.compile(r"\{\s*\\*[\"']?(?:inline_?(?:string|bytes)|value)\\*[\"']?\s*:", re.IGNORECASE)
_REFERENCE = re.compile(
    r"\\*[\"']?(?:sds_?config|ttl|(?:secret|config_?map)_?key_?ref|secret_?name)\\*[\"']?\s*:", re.IGNORECASE
)
_FLAG = re.compile(
    r"(?<![\w-])--?(?P<name>[A-Za-z][\w.-]*+)(?P<close>\\*[\"']?)"
    r"(?:,[ \t]*+(?:\n[ \t]*+)?|[ \t]++|\r?\n[ \t]++(?:-[ \t]++)?|\n-[ \t]++)(?=[^\s-]|-\S*\d)"
)
#: Members of an object called `secret` that is no map of secrets: a reference to one, or its options.
_MEMBER = re.compile(r"[ \t]*\\*[\"']?(?P<name>[\w.-]{1,80})\\*[\"']?[ \t]*:[ \t]+(?P<value>\S[^\n]*)")
_FLAT = re.compile(
    r"\{(?:\s{0,99}\\*[\"'][\w.-]{1,80}\\*[\"']\s{0,9}:\s{0,9}\\*[\"']"
    r"[^\"'{}\\\n]{0,4000}\\*[\"']\s{0,9},?)++\s{0,99}\}"
)
_OPTIONS = re.compile(
    r"(?<![\w-])(?:\w*name|namespace|kind|key|type|optional|create|enabled|items|sources|default_?mode"
    r"|provider|ref|@type|path|mount_?path|annotations|labels|version"
    r"|\w*ref|ttl|sds_?config)\\*[\"']?[ \t]*:",
    re.IGNORECASE,
)
#: An option on a line of its own, its value alone on the next.
_FLAG_LINE = re.compile(
    r"^[ \t]*--(?P<name>[A-Za-z][\w.-]{1,60})[ \t]*\r?\n(?P<value>[^\s-]\S{0,4000})[ \t]*\r?$", re.MULTILINE
)
_HEADER_LIST = re.compile(r"(?<=[\[(])b?[\"'](?P<name>[\w-]{4,60})\\*+[\"'],[ \t]*b?(?=\\*[\"'])")
_PAIRED = re.compile(
    r"\b(?:key|name)=\\*[\"'](?P<name>[\w.:-]{2,60})\\*[\"']\s+value=\\*[\"'](?P<value>[^\"'\n]{1,2000})"
    r"|\|[ \t]*+(?P<cell>[\w.-]{2,60})[ \t]*+\|[ \t]*+(?P<other>[^|\n]{1,400})\|"
    r"|\([ \t]*[bu]?[\"'](?P<first>[\w.-]{2,60})[\"'],[ \t]*[bu]?[\"'](?P<second>[^\"'\n]{1,2000})"
)
_TAG = re.compile(r"<(?P<name>[\w.:-]{2,60})(?:\s[^<>]{0,200})?>(?P<value>[^<]{1,4000})</")
_PROSE = re.compile(
    r"\b(?i:password|passwd|passphrase|pwd|pw|token|api[ -]?key)\b(?: (?:is|was|of|for \w+ is|set to"
    r"|to))?[ \t]+"
    r"(?P<value>\\*[\"'`][^\"'`\n]{1,200}|[^\s\"'`]{3,})"
)
#: A complex key of YAML.
_COMPLEX = re.compile(
    r"^[ \t]*\?[ \t]+[\"']?(?P<name>[\w.-]{2,60})[\"']?[ \t]*\r?\n[ \t]*:[ \t]+(?P<value>\S[^\n]{0,4000})",
    re.MULTILINE,
)
_NETRC = re.compile(r"\blogin[ \t]+\S+[ \t\n]+password[ \t]+(\S+)")
_USER = re.compile(
    r"(?<![\w-])(?:-u|-U|--user|--proxy-user)(?:\\*[\"'],?|[ =,:])?[ \t]*+\\*[\"']?"
    r"(?P<value>[^\s\"':/@]{1,100}:(?P<pw>(?<=[\"']|.)[^\s\"']+))(?=[\s\"'\\,\])]|$)"
)
_PROGRAMS = re.compile(
    r"(?:\bsshpass\s+-p\s*|\bldap(?:search|add|modify|delete|whoami|passwd)\b[^\n]{0,200}?\s-w\s*"
    r"|\bhttps?\b[^\n]{0,100}?\s-a\s+[\w.-]{1,60}:|\bmysql(?:dump|admin)?\b[^\n]{0,100}?\s-p|\bredis-cli\b[^\n]{0,100}?\s-a\s*"
    r"|--from-literal[= ]\\*[\"']?[\w.-]+=|\b(?:docker|podman|nerdctl|helm|oras|crane"
    r"|skopeo|az|oc|argocd)\b[^\n]{0,100}?\slogin\b[^\n]{0,100}?\s-p\s*"
    r"|\bcurl\b[^\n]{0,300}?\s-b\s*|\bvault\s+login\s+|\baws\s+configure\s+set\s+\S{0,40}(?:secret"
    r"|token)\S{0,40}\s+|\brequirepass\s+|\bIDENTIFIED BY\s+(?=\\*[\"'])"
    r"|\bopenssl\b[^\n]{0,100}?\s-pass(?:in|out)?\s+pass:)"
    r"(?P<value>\\*[\"'][^\"'\n]+|[^\s\"'-]\S*)",
    re.IGNORECASE,
)
_JWK_MEMBER = re.compile(
    r"\\*[\"']?\b(?P<name>d|p|q|dp|dq|qi|k|oth)\\*[\"']?\s*:\s*\\*[\"']?(?P<value>[\w-]{16,})"
)


def spans(text: str, budget: Budget) -> Iterator[Span]:
    """Where the values of secret fields are."""
    done = 0
    for found in _KEY.finditer(text):
        if found.start() < done or (kind := strength(_name(text, found))) is Strength.NONE:
            continue
        in_a_path = _PATH_BEFORE.search(text, max(0, found.start() - 100), found.start())
        if found["sep"] == ":" and in_a_path:
            continue
        span = value_span(text, found, kind, budget)
        if span and span[1] > span[0]:
            yield span
            done = span[1]
    yield from _arguments(text)
    yield from _named(text, _FLAG_LINE)
    yield from _words(text)
    if "kty" in text:
        yield from (found.span("value") for found in _JWK_MEMBER.finditer(text) if found["name"] in JWK)


def looks_secret(value: str) -> bool:
    """Whether a word in a sentence is rather a secret than a word."""
    letters, digits = re.search("[A-Za-z]", value), re.search("[0-9]", value)
    symbols = re.search(r"[^\w\s.,:;()'\"/-]", value)
    mixed = bool(letters and digits) or bool(letters and symbols) or bool(digits and symbols)
    return (mixed and len(value) >= 6) or len(value) >= 24


def harmless(value: str) -> bool:
    """Whether the value of a secret field reveals nothing: `true`, `none`, `${PASSWORD}`."""
    return _HARMLESS_VALUE.fullmatch(value[:200].strip()) is not None


def value_span(text: str, found: "re.Match[str]", kind: Strength, budget: Budget) -> Span | None:
    """The value behind a key and its separator, or None where it is no secret."""
    at = found.end()
    while at < len(text) and text[at] in " \t":
        at += 1
    if text.startswith("//", at):
        return None
    line = scan.line_at(text, found.start())
    begins = found.start() - line.content < 200 and bool(
        _LINE_START.match(text[line.content : found.start()])
    )
    if found["close"].strip("]") and (gap := _GAP.match(text, at)):
        at = gap.end()
    tags = _TAGS.match(text, at)
    at = tags.end() if tags else at
    if (
        at >= len(text)
        or text[at] in "\r\n"
        or _BLOCK.match(text[at : at + 80].split("\n", 1)[0].rstrip("\r"))
    ):
        return _lines_below(text, found.start(), at, kind) if begins else None
    prefix = _STRING_PREFIX.match(text, at)
    at = prefix.end() if prefix else at
    return _value_at(text, found, at, kind, budget, line_start=begins)


def _value_at(
    text: str, found: "re.Match[str]", at: int, kind: Strength, budget: Budget, *, line_start: bool
) -> Span | None:
    if text.startswith(('"""', "'''"), at):
        end = text.find(text[at : at + 3], at + 3, at + 20_000)
        return at + 3, end if end >= 0 else scan.line_end(text, at)
    if quote := scan.quote_at(text, at):
        return _quoted(text, at, quote)
    if kind is Strength.WEAK and text[at] == "{" and found["name"].lower() in {"secret", "secrets"}:
        flat = _FLAT.match(text, at)
        return flat.span() if flat and not _OPTIONS.search(flat.group()) else None
    if text[at] in "{[(" and not text.startswith(scan.MARK, at):
        return _bracketed(text, at, kind, budget)
    return _plain(text, found, at, kind, line_start=line_start)


def _name(text: str, found: "re.Match[str]") -> str:
    name = found["name"]
    if found.start() and text[found.start() - 1] == "\\" and name[:1] in "nrt":
        name = name[1:]
    return name


def _quoted(text: str, at: int, quote: tuple[int, str]) -> Span | None:
    start = at + quote[0] + 1
    end = scan.bounded_quoted_end(text, start, *quote)
    return None if harmless(text[start : min(end, start + 200)]) else (start, end)


def _bracketed(text: str, at: int, kind: Strength, budget: Budget) -> Span | None:
    if kind is Strength.WEAK and text[at] != "(" and not _INLINE_SOURCE.match(text, at):
        return None
    end = scan.balanced_end(text, at, budget)
    if end < 0:
        end = scan.line_end(text, at)
    inside = text[at:end]
    if not inside.strip("{}[]() \n\t\r") or (len(inside) < 1000 and _REFERENCE.search(inside)):
        return None
    return at, end


def _lines_below(text: str, key: int, at: int, kind: Strength) -> Span | None:
    block = at < len(text) and text[at] not in "\r\n"
    line = scan.line_at(text, key)
    dashed = text[line.content : key]
    column = line.indent + (
        len(dashed) - len(dashed.lstrip("- ")) if dashed.startswith("-") and not block else 0
    )
    end = scan.below(text, key, column, items=not dashed.startswith("-"))
    inside = text[at:end]
    if not inside.strip() or (not block and len(inside) < 600 and _REFERENCE.search(inside)):
        return None
    if block or kind is not Strength.WEAK:
        return at, end
    first = inside.strip().split("\n", 1)[0]
    if re.match(r"\\*[\"']?[\w.-]+\\*[\"']?:(?:\s|$)|- ", first) and not re.match(
        "inline_?(?:string|bytes)", first, re.IGNORECASE
    ):
        named = re.search(r"(?:^|[^\w.-])secrets?\\*[\"']?[ \t]*:[ \t\r]*$", text[max(0, at - 40) : at])
        lines = [line for line in inside.split("\n") if line.strip()]
        flat = all(map(_MEMBER.fullmatch, lines)) and not _OPTIONS.search(inside)
        return (at, end) if named and flat else None
    return at, end


def _plain(text: str, found: "re.Match[str]", at: int, kind: Strength, *, line_start: bool) -> Span | None:
    end = _plain_end(text, found, at, kind, line_start=line_start)
    value = text[at:end]
    if kind is Strength.WEAK and _WORDS.fullmatch(value.strip()):
        return None
    if kind is Strength.WEAK and not (
        line_start or found["close"] or "=" in found["sep"] or looks_secret(value)
    ):
        return None
    if _HARMLESS_VALUE.fullmatch(value[:200].strip()) or (
        found.group().startswith(("PWD", "OLDPWD")) and value[:1] == "/"
    ):
        return None
    return at, end


def _plain_end(text: str, found: "re.Match[str]", at: int, kind: Strength, *, line_start: bool) -> int:
    opening = None if found["close"] else scan.quote_before(text, found.start())
    if opening:
        return scan.bounded_quoted_end(text, at, *opening)
    if found["close"].strip("]"):
        ends = _FLOW_END.search(text, at)
    elif line_start and (found["sep"] == "=" or text[found.end() : found.end() + 1] in {" ", "\t"}):
        below = scan.below(text, at, scan.line_at(text, at).indent) if found["sep"] == ":" else 0
        return max(scan.line_end(text, at), below)
    elif (
        text[: found.start()].rstrip(" ")[-1:] in {"{", ","}
        and found["sep"] == ":"
        and _NEXT_PAIR.search(text, at, scan.line_end(text, at))
    ):
        ends = _FLOW_END.search(text, at)
    elif kind is Strength.HEADER or (
        found["sep"] == ":" and text[found.end() : found.end() + 1] == " " and kind is Strength.STRONG
    ):
        ends = _SENTENCE_END.search(text, at)
    else:
        ends = _INLINE_END.search(text, at)
    return ends.start() if ends else len(text)


def _named(text: str, expression: "re.Pattern[str]") -> Iterator[Span]:
    for found in expression.finditer(text):
        if strength(found["name"]) is not Strength.NONE:
            yield found.span("value")


def _arguments(text: str) -> Iterator[Span]:
    for found in _FLAG.finditer(text):
        if strength(found["name"]) is not Strength.NONE:
            yield _word(text, found.end())
    for found in _HEADER_LIST.finditer(text):
        if strength(found["name"]) is Strength.HEADER:
            yield _word(text, found.end())
    for found in _USER.finditer(text):
        if not re.fullmatch(r"\d+:\d+", found["value"]):
            yield found.span("value")
    for found in _PROGRAMS.finditer(text):
        yield found.span("value")


def _word(text: str, at: int) -> Span:
    if quote := scan.quote_at(text, at):
        return at + quote[0] + 1, scan.bounded_quoted_end(text, at + quote[0] + 1, *quote)
    ends = _INLINE_END.search(text, at)
    return at, ends.start() if ends else len(text)


def _words(text: str) -> Iterator[Span]:
    for found in (*_TAG.finditer(text), *_COMPLEX.finditer(text)):
        if strength(found["name"].rpartition(":")[2]) is not Strength.NONE:
            yield found.span("value")
    for found in _PAIRED.finditer(text):
        name, value = (
            ("name", "value")
            if found["name"]
            else ("cell", "other")
            if found["cell"]
            else ("first", "second")
        )
        if strength(found[name]) is not Strength.NONE:
            yield found.span(value)
    for found in _PROSE.finditer(text):
        start, end = found.span("value")
        if found["value"][0] in "\\\"'`" or looks_secret(found["value"]):
            yield start + (found["value"][0] in "\"'`"), end
    for found in _NETRC.finditer(text):
        yield found.span(1)
