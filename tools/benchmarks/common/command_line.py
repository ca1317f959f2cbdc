"""What the benchmarks check of their options, and their result file."""

import argparse
import json
from pathlib import Path
from typing import Optional

from .machine import available_bytes

#: Parts of configs.
BASE = Path(__file__).resolve().parents[3] / 'configs' / '_base_'
#: Images of a person in a training batch.
NUM_INSTANCES = 4


def check_positive(parser: argparse.ArgumentParser,
                   **options: Optional[int]) -> None:
    """End with an error for an option below 1; None is none given."""
    for name, value in options.items():
        if value is not None and value < 1:
            option = name.replace('_', '-')
            parser.error(f'--{option} must be at least 1, got {value}')


def check_memory(parser: argparse.ArgumentParser, what: str, needed: int,
                 advice: str) -> None:
    """End with an error for what needs more bytes than can be had."""
    there = available_bytes()
    if there is not None and needed > there:
        parser.error(f'{what} needs {needed / 1e9:.1f} GB, {there / 1e9:.1f} '
                     f'GB are available; {advice}')


def save_report(report: dict, file: Optional[Path]) -> None:
    """Write a report as JSON, if a file is named."""
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(report, indent=2) + '\n')
