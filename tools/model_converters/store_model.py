"""Store a trained model for others: in a folder or on the Hugging Face hub.

    python tools/model_converters/store_model.py \
        work_dirs/adapt/epoch_5.pth models/station
    python tools/model_converters/store_model.py \
        work_dirs/adapt/epoch_5.pth hub:me/station

The encoder that is tested, its config and a card are stored; optimizer, heads
and labels are not. ReIDInferencer and --model take the same address.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Optional

from mmreidmix.command_line import run_main, run_tool


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='of this project')
    parser.add_argument('target', help='new folder, or hub:OWNER/NAME')
    parser.add_argument('--title', help="of the card; default: target's name")
    parser.add_argument(
        '--public', action='store_true',
        help='all can see a repository that is made on the hub; default: '
        'you alone')
    return parser.parse_args(arguments)


def store(args: argparse.Namespace) -> None:
    """Store, and say where."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.model_store import store_model
    where = store_model(args.checkpoint, args.target, args.title, args.public)
    print(f'stored: {where}\nto use it: ReIDInferencer({args.target!r}), or '
          f'--model {args.target}')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(store, parse_args(arguments), 'store_model')


if __name__ == '__main__':
    run_main(main)
