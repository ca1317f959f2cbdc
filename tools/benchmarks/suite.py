"""Train and test configs with several seeds, and write their table.

Examples::

    python tools/benchmarks/suite.py configs/remix/mobilenet_v2_market*.py \
        --seeds 0 1 2 --out work_dirs/remix
    python tools/benchmarks/suite.py my_suite.yml --out work_dirs/suite \
        --jobs 4 --command 'srun -c 4 --mem 16G {command}'
    python tools/benchmarks/suite.py my_suite.yml --out work_dirs/suite --print

Run it again to go on after a stop: what is finished stays, what was cut off
goes on from its last checkpoint. OUT/table.md and OUT/table.json are written
anew after every job.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Optional

import yaml
from common.machine import hardware, versions
from common.suite_jobs import Job
from common.suite_table import Table, markdown, reports

from mmreidmix.command_line import output_folder, run_main
from mmreidmix.files import replace_file

JOB = Path(__file__).resolve().with_name('suite_job.py')
FIELDS = ('seeds', 'tables')


def parse_args(arguments: Optional[Sequence[str]] = None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'configs', nargs='+', metavar='CONFIG',
        help='config files for one table, or one suite file (.yml)')
    parser.add_argument(
        '--seeds', nargs='+', type=int,
        help='seeds of the trainings; default: those of the suite file, or '
        '0 1 2')
    parser.add_argument(
        '--out', type=output_folder, default=Path('work_dirs/suite'),
        help='folder of the work dirs and tables (default: %(default)s)')
    parser.add_argument(
        '--jobs', type=int, default=1,
        help='so many at once; 0 runs nothing and writes the tables '
        '(default: %(default)s)')
    parser.add_argument(
        '--command', default='{command}', metavar='TEXT',
        help="how the shell runs a job, e.g. 'srun -c 4 {command}'; it must "
        'wait for the end of the job')
    parser.add_argument(
        '--print', action='store_true', dest='only_print',
        help='run nothing: print the commands of the jobs that are not '
        'finished, one per line')
    parser.add_argument(
        '--camera-profiles', action='store_true',
        help='test with camera profiles of the tested images too, and write '
        'tables of their own')
    args = parser.parse_args(arguments)
    if args.jobs < 0:
        parser.error(f'--jobs must be at least 0, got {args.jobs}')
    if '{command}' not in args.command:
        parser.error(f'--command {args.command!r} must hold {{command}}')
    return args


def read_suite(args) -> tuple[list[Table], list[int]]:
    """Tables and seeds of the command line or of a suite file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the suite file is none, or two configs have one name.
    """
    first = Path(args.configs[0])
    if first.suffix in ('.yml', '.yaml'):
        if len(args.configs) > 1:
            raise ValueError(f'{first} is a suite file: name it alone')
        tables, seeds = read_suite_file(first)
    else:
        rows = {config: Path(config).stem for config in args.configs}
        tables, seeds = [Table('', rows)], [0, 1, 2]
    by_name: dict[str, str] = {}
    for config in dict.fromkeys(c for table in tables for c in table.rows):
        if not Path(config).is_file():
            raise FileNotFoundError(f'there is no config file {config}')
        other = by_name.setdefault(Path(config).stem, config)
        if other != config:
            raise ValueError(f'{other} and {config} have one name; folders '
                             'and rows are called by it: rename one')
    seeds = args.seeds or seeds
    if len(set(seeds)) < len(seeds):
        raise ValueError(f'a seed is named twice: {seeds}')
    return tables, seeds


def read_suite_file(file: Path) -> tuple[list[Table], list[int]]:
    """Read a suite file: ``seeds`` and ``tables`` of ``title``, ``rows``."""
    if not file.is_file():
        raise FileNotFoundError(f'there is no suite file {file}')
    expected = (f'{file}: expected `seeds`, a list of integers, and `tables`, '
                'a list of `title` and `rows` (config: label)')
    try:
        content = yaml.safe_load(file.read_text(encoding='utf-8'))
    except yaml.YAMLError as error:
        raise ValueError(f'{expected}: {error}') from error
    if not isinstance(content, Mapping) or not set(content) <= set(FIELDS):
        raise ValueError(f'{expected}, nothing else')
    seeds, tables = content.get('seeds', [0, 1, 2]), content.get('tables')
    if not (isinstance(seeds, list) and seeds
            and all(type(seed) is int for seed in seeds)):
        raise ValueError(f'{expected}; seeds are {seeds!r}')
    if not isinstance(tables, list) or not tables:
        raise ValueError(f'{expected}; tables are {tables!r}')
    for table in tables:
        if not (isinstance(table, Mapping) and set(table) == {'title', 'rows'}
                and isinstance(table['rows'], Mapping) and table['rows']):
            raise ValueError(f'{expected}; a table is {table!r}')
    return [
        Table(str(table['title']),
              {str(c): str(label) for c, label in table['rows'].items()})
        for table in tables
    ], seeds


def plan(tables: Sequence[Table], seeds: Sequence[int], out: Path,
         profiles: bool = False) -> list[Job]:
    """All jobs: starts first, then all configs with one seed after another.

    Raises:
        ValueError: a folder holds a training with another config.
    """
    configs = dict.fromkeys(c for table in tables for c in table.rows)
    jobs = [Job(config, seed, out, profiles)
            for seed in (None, *seeds) for config in configs]
    for job in jobs:
        job.check_method()
    return jobs


def command_of(job: Job) -> str:
    """The shell command of a job."""
    seed = [] if job.seed is None else ['--seed', str(job.seed)]
    profiles = ['--camera-profiles'] if job.profiles else []
    return shlex.join([
        sys.executable, str(JOB), job.config, *seed, '--out', str(job.out),
        *profiles
    ])


class Progress:
    """Lines that say how far the suite is."""

    def __init__(self, jobs: Sequence[Job], at_once: int):
        self.jobs, self.at_once = list(jobs), at_once
        self.open = [job for job in jobs if not job.result()]
        self.minutes: dict[bool, list[float]] = defaultdict(list)

    def begin(self) -> str:
        """What there is to do."""
        done = len(self.jobs) - len(self.open)
        return (f'{len(self.jobs)} jobs, {done} finished before, '
                f'{len(self.open)} to run')

    def end(self, job: Job, minutes: float, problem: str) -> str:
        """A job ended."""
        self.open.remove(job)
        done = len(self.jobs) - len(self.open)
        if not problem:
            self.minutes[job.seed is None].append(minutes)
        how = f'FAILED twice: {problem}' if problem else 'finished'
        return (f'[{done}/{len(self.jobs)}] {job.name} {how} after '
                f'{minutes:.1f} min; {self._left()}')

    def _left(self) -> str:
        if not self.open:
            return 'none left'
        left = 0.
        for job in self.open:
            known = self.minutes[job.seed is None]
            if not known:
                return f'{len(self.open)} left'
            left += sum(known) / len(known)
        return (f'{len(self.open)} left, about '
                f'{left / self.at_once:.0f} min')


class Runner:
    """Runs jobs, each in processes of its own, twice if need be."""

    def __init__(self, template: str):
        self.template = template
        self.stopped = threading.Event()
        self.running: dict[subprocess.Popen, Job] = {}

    def __call__(self, job: Job) -> tuple[float, str]:
        """Run a job; returns minutes, and what went wrong or ''."""
        began, problem = time.time(), ''
        for _ in range(2):
            problem = self.run(job)
            if not problem or self.stopped.is_set():
                break
        return (time.time() - began) / 60, problem

    def run(self, job: Job) -> str:
        """Run a job once; returns what went wrong or ''."""
        command = self.template.replace('{command}', command_of(job))
        file = job.folder / 'job.log'
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, 'ab') as log:
            process = subprocess.Popen(
                command, shell=True, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True)
        self.running[process] = job
        status = process.wait()
        self.running.pop(process, None)
        if status:
            return f'exit status {status}, see {file}'
        if not job.result():
            return ('ended without a result; --command must wait for the end '
                    f'of the job (srun, sbatch --wait); see {file}')
        return ''

    def stop(self) -> None:
        """End what runs, and begin nothing more; trainings save first."""
        self.stopped.set()
        running = dict(self.running)
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for job in running.values():
            job.wait()


def run_all(jobs: Sequence[Job], args, tables: Sequence[Table]) -> list[str]:
    """Run what is not finished; returns the failures."""
    progress, runner = Progress(jobs, args.jobs), Runner(args.command)
    failures = []
    print(progress.begin(), flush=True)
    with ThreadPoolExecutor(args.jobs) as pool:
        futures = {pool.submit(runner, job): job for job in progress.open}
        try:
            for future in as_completed(futures):
                job, (minutes, problem) = futures[future], future.result()
                print(progress.end(job, minutes, problem), flush=True)
                if problem:
                    failures.append(f'{job.name}: {problem}')
                write_tables(tables, jobs, args.out)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            runner.stop()
            raise
    return failures


def write_tables(tables: Sequence[Table], jobs: Sequence[Job],
                 out: Path) -> str:
    """Write all tables as Markdown and JSON; returns the Markdown."""
    found = [one for table in tables for one in reports(table, jobs)]
    text = '\n'.join(map(markdown, found))
    content = json.dumps(
        dict(tables=found, hardware=hardware(), versions=versions()),
        indent=2) + '\n'
    replace_file(out / 'table.md', lambda stream: stream.write(text.encode()))
    replace_file(out / 'table.json',
                 lambda stream: stream.write(content.encode()))
    return text


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the suite; returns the exit status."""
    args = parse_args(arguments)
    try:
        tables, seeds = read_suite(args)
        jobs = plan(tables, seeds, args.out, args.camera_profiles)
    except (OSError, ValueError) as error:
        print(f'suite: {error}', file=sys.stderr)
        return 2
    if args.only_print:
        for job in jobs:
            if not job.result():
                print(args.command.replace('{command}', command_of(job)))
        return 0
    try:
        failures = run_all(jobs, args, tables) if args.jobs else []
    except KeyboardInterrupt:
        print('stopped; the same command goes on', file=sys.stderr)
        return 130
    print(f'\n{write_tables(tables, jobs, args.out)}\n'
          f'written to {args.out / "table.md"} and table.json')
    for failure in failures:
        print(f'FAILED {failure}', file=sys.stderr)
    return 1 if failures else 0


if __name__ == '__main__':
    # Slurm and kill end a suite as Ctrl-C does: with its trainings.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_main(main)
