"""What a run shows on the terminal: one screen at its start."""

import copy
import logging
import sys

from mmengine.logging import MMLogger
from mmengine.runner import Runner

#: A longer message of MMEngine's runner, such as the config, is for the log
#: file; the terminal shows how it begins. Tables of results are not its.
MOST_LINES = 24
_RUNNER = sys.modules[Runner.__module__].__file__
# Deprecations inside MMEngine, about which a user can do nothing.
_USELESS = ('"FileClient" will be deprecated',
            '"HardDiskBackend" is the alias')


class ShortFormatter(logging.Formatter):
    """Formats the first line alone of long messages of MMEngine's runner.

    Args:
        formatter (logging.Formatter): formats what is left.
        log_file (str): where all of it is found.
    """

    def __init__(self, formatter: logging.Formatter, log_file: str):
        super().__init__()
        self.formatter = formatter
        self.log_file = log_file

    def format(self, record: logging.LogRecord) -> str:
        """The message, or its first line and how many there are."""
        lines = record.getMessage().splitlines()
        if len(lines) > MOST_LINES and record.pathname == _RUNNER:
            first = next(line for line in lines if any(map(str.isalpha, line)))
            record = copy.copy(record)  # the log file gets the same object
            record.msg = (f'{first.strip()} {len(lines)} lines, in '
                          f'{self.log_file}')
            record.args = ()
        return self.formatter.format(record)


def is_useful(record: logging.LogRecord) -> bool:
    """Whether a user can act on a message."""
    return not record.getMessage().startswith(_USELESS)


def use_terminal(logger: MMLogger) -> None:
    """Shorten what a run prints, and let the package log through its logger.

    Args:
        logger (MMLogger): of the run.
    """
    for handler in logger.handlers:
        handler.addFilter(is_useful)
        if not isinstance(handler, logging.FileHandler) and not isinstance(
                handler.formatter, ShortFormatter):
            handler.setFormatter(
                ShortFormatter(handler.formatter, logger.log_file))
    # Functions over arrays know nothing of MMEngine's logger.
    package = logging.getLogger('mmreidmix')
    package.handlers = list(logger.handlers)
    package.setLevel(logging.INFO)
    package.propagate = False
