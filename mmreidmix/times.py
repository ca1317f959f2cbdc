"""Times as seconds."""

import math
from contextlib import suppress
from datetime import datetime, timezone


def parse_time(text: str) -> float:
    """Seconds of a number, or of a date in ISO 8601.

    A date counts from 1970; without a time zone it is UTC.

    Raises:
        ValueError: it is neither, or not finite.

    Examples:
        >>> parse_time('12.5'), parse_time('1970-01-02')
        (12.5, 86400.0)
    """
    seconds = math.nan
    with suppress(ValueError):
        # Python before 3.11 does not know Z.
        seconds = seconds_of(
            datetime.fromisoformat(text.replace('Z', '+00:00')))
    with suppress(ValueError):
        seconds = float(text)
    if not math.isfinite(seconds):
        raise ValueError(f'{text!r} is no time: expected seconds, or a date '
                         'such as 2026-05-01T12:30 (UTC)')
    return seconds


def seconds_of(moment: datetime) -> float:
    """Seconds since 1970; a moment without time zone is in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()
