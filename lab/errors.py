"""The error that the lab raises for problems that the user can fix."""


class LabError(RuntimeError):
    """The machine, the cache or the request has a problem; the message says how to fix it."""
