"""Train one config with one seed and test the last checkpoint.

    python tools/benchmarks/suite_job.py CONFIG --seed 0 --out work_dirs/suite

A job that was stopped goes on from its last checkpoint; one that is finished
does nothing. Without --seed the weights that the config starts from are
tested. tools/benchmarks/suite.py runs such jobs.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from common.suite_jobs import Job, close_attempts, new_attempt

from mmreidmix.command_line import output_folder, run_main

TOOLS = Path(__file__).resolve().parents[1]
# Unit of ru_maxrss: KiB, but bytes on macOS.
RSS_PER_MIB = 1 << (20 if sys.platform == 'darwin' else 10)


def parse_args(arguments: Optional[Sequence[str]] = None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--seed', type=int, help='of the training; default: test its start')
    parser.add_argument(
        '--out', type=output_folder, required=True, help='folder of the suite')
    parser.add_argument(
        '--camera-profiles', action='store_true',
        help='test with camera profiles of the tested images too')
    return parser.parse_args(arguments)


def run(tool: str, *arguments, lock: int) -> tuple[float, float]:
    """Run a tool in a process of its own.

    Returns:
        tuple[float, float]: minutes, and the largest resident memory in MiB.

    Raises:
        RuntimeError: it failed.
    """
    began = time.time()
    process = subprocess.Popen(
        [sys.executable, str(TOOLS / tool), *map(str, arguments)],
        pass_fds=[lock])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f'tools/{tool} ended with {process.returncode}')
    return (time.time() - began) / 60, usage.ru_maxrss / RSS_PER_MIB


def train(job: Job, facts: dict, lock: int) -> dict:
    """Train to the end, from the last checkpoint where there is one."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.engine.latest_checkpoint import latest_checkpoint
    facts = dict(
        facts,
        attempts=[
            *close_attempts(job.folder, facts.get('attempts', [])),
            new_attempt()
        ])
    job.write_facts(facts)
    resume = ['--resume'] if latest_checkpoint(job.folder) else []
    minutes, peak = run(
        'train.py', job.config, '--work-dir', job.folder, *resume,
        '--cfg-options', f'randomness.seed={job.seed}', lock=lock)
    facts['attempts'][-1].update(minutes=minutes, peak_mib=peak)
    facts['trained'] = True
    job.write_facts(facts)
    return facts


def test(job: Job, facts: dict, lock: int) -> None:
    """Test the last checkpoint, or the start."""
    checkpoint = 'none'
    if job.seed is not None:
        from mmreidmix.engine.latest_checkpoint import latest_checkpoint
        checkpoint = latest_checkpoint(job.folder)
    profiles = ['--camera-profiles', 'tested'] if job.profiles else []
    minutes, _ = run(
        'test.py', job.config, checkpoint, '--work-dir', job.folder / 'test',
        '--out', job.result_file, *profiles, lock=lock)
    job.write_facts(
        dict(facts, config_sha256=job.hashes['config'], test_minutes=minutes))


def work(job: Job) -> None:
    """Do what is left to do.

    Raises:
        ValueError: the folder belongs to another config or process.
        RuntimeError: training or test failed, or gave no valid result.
    """
    with job.locked() as lock:
        job.check_method()
        if job.result():
            return
        facts = dict(job.facts(), method_sha256=job.hashes['method'])
        facts.pop('config_sha256', None)
        if job.seed is not None and not facts.get('trained'):
            facts = train(job, facts, lock)
        test(job, facts, lock)
        if not job.result():
            raise RuntimeError(f'{job.result_file} is no valid result of '
                               f'{job.name}')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the job; returns the exit status."""
    args = parse_args(arguments)
    try:
        work(Job(args.config, args.seed, args.out, args.camera_profiles))
    except (OSError, RuntimeError, ValueError) as error:
        print(f'suite_job: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    run_main(main)
