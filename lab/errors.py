"""The one error that the lab raises for what a person can mend."""


class LabError(RuntimeError):
    """Something about the machine, the cache or the request is wrong; the message says what to do."""
