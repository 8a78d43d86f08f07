"""One gate for secrets: everything that is attached, written to a file or printed passes `redact`.

It imports nothing of the project, so that every part of the project may import it.
"""

from reports.redaction.gate import redact
from reports.redaction.known import remember, remember_documents, remember_environment
from reports.redaction.names import sensitive
from reports.redaction.scan import MARK
from reports.redaction.streams import RedactingStream, guarded_streams
from reports.redaction.trees import redact_body, redact_tree

__all__ = [
    "MARK",
    "RedactingStream",
    "guarded_streams",
    "redact",
    "redact_body",
    "redact_tree",
    "remember",
    "remember_documents",
    "remember_environment",
    "sensitive",
]
