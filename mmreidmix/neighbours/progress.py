"""Progress of a long stage in the log."""

import logging
import time

logger = logging.getLogger(__name__)


class Progress:
    """Log every tenth of the work, but only where it takes long.

    Args:
        what (str): name of the work.
        total (int): amount of it, in any unit.
        interval (float): least seconds between two lines.
    """

    def __init__(self, what: str, total: int, interval: float = 10.0) -> None:
        self.what = what
        self.total = total
        self.interval = interval
        self.done = 0
        self.tenths = 0
        self.start = self.last_line = time.monotonic()

    def add(self, amount: int) -> None:
        """Count an amount of work as done."""
        self.done += amount
        tenths = 10 * self.done // max(self.total, 1)
        now = time.monotonic()
        if tenths == self.tenths or now - self.last_line < self.interval:
            return
        self.tenths, self.last_line = tenths, now
        logger.info('%s: %d %% after %.0f s', self.what, 10 * tenths,
                    now - self.start)
