"""The error of the report."""


class ReportError(RuntimeError):
    """The page can't be built; the message says what to do. The results are unchanged."""
