"""A progress bar with a rate, on a terminal that shows one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str, total: int,
             unit: str = 'images') -> Iterator[Callable[[int], None]]:
    """Show how much of a long work is done.

    Args:
        what (str): name of the work.
        total (int): amount of it.
        unit (str): what is counted.

    Yields:
        Callable: to be told what amount has been done.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Text,
        TimeRemainingColumn,
    )

    class Rate(ProgressColumn):

        def render(self, task):  # type: ignore[no-untyped-def]
            return Text(f'{task.speed or 0:,.0f} {unit}/s')

    with Progress(what, BarColumn(), MofNCompleteColumn(), Rate(),
                  TimeRemainingColumn()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda amount: bar.advance(task, amount)
