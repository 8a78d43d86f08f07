"""Text that XML can hold. Source: XML 1.0, "Characters"."""

import re

_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def allowed(words: str) -> str:
    """Replace the characters that XML does not allow."""
    return _FORBIDDEN.sub("�", words)
