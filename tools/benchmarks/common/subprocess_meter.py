"""Measured parts in processes of their own, their time and their memory."""

import multiprocessing
import os
import resource
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path

_STATUS = Path('/proc/self/status')
_MIB = 1 << 20


def say(text):
    """Tell a person at the terminal how far it is."""
    print(text, file=sys.stderr, flush=True)


def _status_bytes(name):
    if not _STATUS.exists():  # not Linux: only the peak is known
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == 'darwin' else 1024)
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f'{name}:'):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f'{_STATUS} does not tell {name}')


def resident_mib():
    """Memory of this process that is resident now, in MiB."""
    return _status_bytes('VmRSS') / _MIB


def peak_mib():
    """Largest resident memory since :func:`restart_peak`, in MiB."""
    return _status_bytes('VmHWM') / _MIB


def restart_peak():
    """Forget the peak so far; on failure it stays, which only overstates."""
    with suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')


class Meter:
    """Seconds and peak memory of stages, told while they run.

    Attributes:
        seconds (dict[str, float]): Wall clock by stage.
        peaks (dict[str, float]): Peak resident memory by stage, MiB.

    Args:
        tell (callable): Takes lines of text for a person.
        every (float): Seconds between two signs of life of a stage.
    """

    def __init__(self, tell=say, every=20):
        self.seconds, self.peaks = {}, {}
        self.tell, self.every = tell, every

    @contextmanager
    def __call__(self, stage):
        """Measure what runs inside."""
        over = threading.Event()
        teller = threading.Thread(
            target=self._live, args=(stage, over), daemon=True)
        restart_peak()
        teller.start()
        begin = time.perf_counter()
        try:
            yield
            self.seconds[stage] = time.perf_counter() - begin
            self.peaks[stage] = peak_mib()
        finally:
            over.set()
            teller.join()
        self.tell(f'{stage}: {self.seconds[stage]:.2f} s, peak '
                  f'{self.peaks[stage]:.0f} MiB')

    def _live(self, stage, over):
        begin = time.perf_counter()
        while not over.wait(self.every):
            self.tell(
                f'{stage}: running for {time.perf_counter() - begin:.0f} s, '
                f'{resident_mib():.0f} MiB now')


def in_new_process(function, *args):
    """Call in a fresh process, whose memory holds nothing of another part.

    Raises:
        SystemExit: If the process was killed, as for lack of memory.
    """
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(function, *args).result()
        except BrokenProcessPool:
            raise SystemExit(
                f'the process of {function.__name__} was killed, probably '
                'for lack of memory; see the last line above') from None


def use_threads(threads):
    """Threads of torch, and of all libraries in processes started from here.

    Args:
        threads (int, optional): Default: torch's own.

    Returns:
        int: Their number.
    """
    # Imported here: --help must not wait for torch.
    import torch
    threads = threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    for name in ('OMP', 'OPENBLAS', 'MKL', 'NUMEXPR'):
        os.environ[f'{name}_NUM_THREADS'] = str(threads)
    return threads
