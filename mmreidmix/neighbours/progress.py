"""Progress of a long stage in the log."""
import logging
import time

logger = logging.getLogger(__name__)


class Progress:
    """Log every tenth of the work, but only where it takes long.

    Args:
        what (str): Name of the work.
        total (int): Amount of it, in any unit.
        interval (float): Least seconds between two lines.
    """

    def __init__(self, what, total, interval=10.0):
        self.what = what
        self.total = total
        self.interval = interval
        self.done = 0
        self.tenths = 0
        self.start = self.spoke = time.monotonic()

    def add(self, amount):
        """Count an amount of work as done."""
        self.done += amount
        tenths = 10 * self.done // max(self.total, 1)
        now = time.monotonic()
        if tenths == self.tenths or now - self.spoke < self.interval:
            return
        self.tenths, self.spoke = tenths, now
        logger.info('%s: %d %% after %.0f s', self.what, 10 * tenths,
                    now - self.start)
