"""Embed pictures and keep the embeddings in a gallery or in a file.

    python tools/gallery/extract.py MODEL data/station \
        --gallery work_dirs/station \
        --pattern 'cam(?P<camid>\\d+)/(?P<time>\\d+)\\.jpg'
    python tools/gallery/extract.py MODEL a.jpg b.jpg --out embeddings.npz

A gallery is made, or added to: pictures that it has are left out, so a run
that was interrupted is simply started again. Every part of 1,024 pictures is
on the disk before the next is begun. ``--out`` writes the arrays embeddings,
names, pids, camids, times, tracklets, the hash of the model and the number
format (precision) at the end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import numpy as np

from mmreidmix.apis.app import PART
from mmreidmix.apis.app.command_line import (
    add_model_options,
    add_path_options,
    open_model,
    path_reader,
    positive,
    report_damaged,
)
from mmreidmix.command_line import (
    output_file,
    output_folder,
    run_main,
    run_tool,
)
from mmreidmix.files import replace_file

if TYPE_CHECKING:
    from mmreidmix.apis import ReIDInferencer


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'model', help='checkpoint, .onnx file, or config with --weights')
    parser.add_argument('places', nargs='+', metavar='PLACE',
                        help='picture or folder of pictures')
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument('--gallery', type=output_folder, metavar='FOLDER',
                        help='gallery to make or to add to')
    target.add_argument('--out', type=output_file, metavar='FILE.npz',
                        help='file to write')
    parser.add_argument(
        '--root', metavar='FOLDER', help='pictures are named by their paths '
        'below it; default: the innermost folder that holds all places. Name '
        'it when you add to a gallery, so that the names fit together')
    parser.add_argument(
        '--part', type=positive, default=PART, help='pictures that are '
        f'embedded before they are written (default: {PART})')
    add_path_options(parser)
    add_model_options(parser)
    args = parser.parse_args(arguments)
    if args.out and args.out.suffix != '.npz':
        parser.error(f'{args.out} must end in .npz')
    return args


class Progress:
    """Prints how far it is."""

    def __init__(self):
        self.start = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Print a line."""
        rate = done / max(time.monotonic() - self.start, 1e-9)
        print(f'{done:,} of {total:,} pictures, {rate:.0f} a second',
              flush=True)


def write_npz(args: argparse.Namespace, inferencer: ReIDInferencer, root: Path,
              names: list) -> None:
    """Embed into one file."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.app.gallery_filling import embedded_parts
    from mmreidmix.datasets.transforms import ImageReadError
    reader, report = path_reader(args), Progress()
    cameras = reader(names, root).camids  # and refuse wrong paths
    embedded, rows, damaged = [], [], []
    for part in embedded_parts(
            inferencer, root, names, args.part, cameras):
        embedded += part.names
        rows += [part.embeddings] if part.names else []
        damaged += part.damaged
        report(len(embedded) + len(damaged), len(names))
    report_damaged(damaged)
    if not embedded:
        raise ImageReadError('all pictures are damaged, nothing is written')
    arrays = dict(
        reader(embedded, root)._asdict(), embeddings=np.concatenate(rows),
        names=np.array(embedded), model=np.array(inferencer.sha256),
        precision=np.array(inferencer.precision))
    replace_file(args.out, lambda stream: np.savez(stream, **arrays))
    print(f'{len(embedded):,} embeddings of {rows[0].shape[1]} dimensions '
          f'in {inferencer.precision} are in {args.out}')


def extract(args: argparse.Namespace) -> None:
    """Embed, write, report."""
    from mmreidmix.apis.app.gallery_filling import (
        extract_to_gallery,
        find_images,
    )
    root, names = find_images(args.places, args.root)
    inferencer = open_model(args)
    if args.out:
        write_npz(args, inferencer, root, names)
        return
    result = extract_to_gallery(
        inferencer, root, names, args.gallery, path_reader(args), args.part,
        Progress())
    report_damaged(result.damaged)
    print(f'{args.gallery}: {result.added:,} pictures added, {result.known:,} '
          f'there already, {len(result.damaged):,} damaged; embedded in '
          f'{inferencer.precision}, their names start from {root}')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run; returns the exit status."""
    return run_tool(extract, parse_args(arguments), 'extract')


if __name__ == '__main__':
    run_main(main)
