"""How the tools read their options and end, with a line where one is wrong."""

import argparse
import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

#: Built-in errors that are raised with all there is to say.
PLAIN = (ValueError, OSError, ImportError)
_debug = False


def run_main(main: Callable[[], Optional[int]]) -> None:
    """Run the ``main`` of a tool and exit.

    An error becomes a line of text and exit status 2; its traceback goes to
    the log file of the run, where there is one. ``--debug``, which every tool
    takes, shows it.

    Args:
        main (Callable): reads ``sys.argv``; returns the exit status, or None
            for 0.
    """
    global _debug
    _show_messages()
    _debug = '--debug' in sys.argv
    sys.argv[:] = [word for word in sys.argv if word != '--debug']
    try:
        status = main()
    except KeyboardInterrupt:
        status = 130
    except Exception as error:
        status = fail(error, Path(sys.argv[0]).stem)
    if status:
        sys.exit(status)


def _show_messages() -> None:
    """Print what the package logs, until a run has a log of its own."""
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter('%(message)s'))
    package = logging.getLogger('mmreidmix')
    package.addHandler(shown)
    package.setLevel(logging.INFO)


def run_tool(work: Callable[[argparse.Namespace], Any],
             args: argparse.Namespace, name: str) -> int:
    """Do the work of a tool, and return the exit status.

    It is 0 where the work is done; 1 where it returns 1, because a check or a
    search said no; and 2 for wrong use or wrong input, with a line of text.
    """
    try:
        status = work(args)
    except Exception as error:
        if not is_plain(error):
            raise
        return fail(error, name)
    return 1 if status == 1 else 0


class CfgOptions(argparse.Action):
    """``--cfg-options`` by MMEngine's ``DictAction``."""

    def __call__(self, parser: argparse.ArgumentParser,
                 namespace: argparse.Namespace, values: Any,
                 option_string: Optional[str] = None) -> None:
        """Put ``key=value`` words into a dict."""
        wrong = [word for word in values if '=' not in word]
        if wrong:
            parser.error(f'{option_string}: {wrong[0]!r} is not KEY=VALUE')
        # Imported here: --help must not wait for torch.
        from mmengine.config import DictAction
        action = DictAction(self.option_strings, self.dest, self.nargs)
        action(parser, namespace, values, option_string)


class KeyValues(argparse.Action):
    """An option that takes words ``key=value``, as a dict of texts."""

    def __call__(self, parser: argparse.ArgumentParser,
                 namespace: argparse.Namespace, values: Any,
                 option_string: Optional[str] = None) -> None:
        """Put the words into a dict."""
        found = {}
        for word in values:
            key, equals, value = word.partition('=')
            if not equals or not key:
                parser.error(f'{option_string}: {word!r} is not KEY=VALUE')
            if key in found:
                parser.error(f'{option_string}: {key!r} is given twice')
            found[key] = value
        setattr(namespace, self.dest, found)


def output_file(text: str) -> Path:
    """The argparse type of a file to write, tried before the work."""
    # Imported here: --help must not wait for NumPy.
    from mmreidmix.files import check_place
    try:
        check_place(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Path(text)


def output_folder(text: str) -> Path:
    """The argparse type of a folder to write into, tried before the work."""
    output_file(str(Path(text, 'file')))
    return Path(text)


def is_plain(error: Exception) -> bool:
    """Whether an error was meant for the user; no mistake of the program."""
    return isinstance(error, PLAIN) or type(error).__module__ != 'builtins'


def fail(error: Exception, name: str) -> int:
    """Say what went wrong on the standard error output.

    Returns:
        int: exit status, 2.
    """
    if _debug:
        raise error
    kind = '' if is_plain(error) else f'{type(error).__name__}: '
    lines = str(error).split('\n')
    print(f'{name}: {kind}' + '\n'.join(map(printable, lines)),
          file=sys.stderr)
    log = _log_traceback(error)
    if log or kind:
        print(f'{name}: the traceback is in {log}' if log else
              f'{name}: --debug shows where', file=sys.stderr)
    return 2


def _log_traceback(error: Exception) -> Optional[str]:
    """Write it to the log file of the run; its path, if there is one."""
    # Not imported for a tool that does not use it: it takes a second.
    logging_of = sys.modules.get('mmengine.logging')
    if logging_of is None:
        return None
    text = ''.join(traceback.format_exception(
        type(error), error, error.__traceback__))
    for handler in logging_of.MMLogger.get_current_instance().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.emit(logging.LogRecord(
                'mmengine', logging.ERROR, '', 0, text, None, None))
            return handler.baseFilename
    return None


def printable(name: object) -> str:
    """A name of others as it can be printed: one line, no control characters.

    Examples:
        >>> printable('a\\x1b[2J.jpg')
        'a\\\\x1b[2J.jpg'
    """
    return ''.join(
        letter if letter.isprintable() else
        letter.encode('unicode_escape', 'surrogatepass').decode()
        for letter in str(name))
