"""The one format of a duration, on the page, in the pictures, on the terminal and in a build's progress.

It imports nothing, so that the lab may use it.
"""


def in_words(seconds: float, *, decimals: int = 1) -> str:
    """Return "12.3 s", or "2 min 05 s" from a minute on, or "1 h 05 min 00 s" from an hour on.

    An estimate has 0 decimals.
    """
    if round(seconds, decimals) < 60:
        return f"{seconds:.{decimals}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min {rest:02d} s" if hours else f"{minutes} min {rest:02d} s"
