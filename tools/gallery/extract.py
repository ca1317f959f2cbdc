"""Embed images and write the embeddings to a file.

    python tools/gallery/extract.py MODEL --images data/station \
        --pattern 'cam(?P<camid>\\d+)/(?P<time>\\d+)\\.jpg' --out station.npz

The file holds the arrays embeddings, names, pids, camids, times, tracklets,
the hash of the model and the number format (precision). It is written at the
end. To search in the images, put them into a gallery: tools/gallery.py add.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Optional

import numpy as np

from mmreidmix.apis.app.command_line import (
    Progress,
    add_images_options,
    add_model_options,
    add_path_options,
    images_to_embed,
    open_model,
    report_damaged,
)
from mmreidmix.choices import MODEL_HELP
from mmreidmix.command_line import output_file, run_main, run_tool
from mmreidmix.files import replace_file


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help=MODEL_HELP)
    parser.add_argument('--out', type=output_file, required=True,
                        metavar='FILE.npz', help='file to write')
    add_images_options(parser)
    add_path_options(parser)
    add_model_options(parser)
    args = parser.parse_args(arguments)
    if args.out.suffix != '.npz':
        parser.error(f'{args.out} must end in .npz')
    return args


def extract(args: argparse.Namespace) -> None:
    """Embed, write, report."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.app.gallery_filling import embedded_parts
    from mmreidmix.datasets.transforms import ImageReadError
    address, names, reader = images_to_embed(args)
    inferencer, report = open_model(args), Progress()
    cameras = reader(names).camids  # and refuse wrong paths
    embedded, rows, damaged = [], [], []
    for part in embedded_parts(
            inferencer, address, names, args.part, cameras):
        embedded += part.names
        rows += [part.embeddings] if part.names else []
        damaged += part.damaged
        report(len(embedded) + len(damaged), len(names))
    report_damaged(damaged)
    if not embedded:
        raise ImageReadError('all images are damaged, nothing is written')
    arrays = dict(
        reader(embedded)._asdict(), embeddings=np.concatenate(rows),
        names=np.array(embedded), model=np.array(inferencer.sha256),
        precision=np.array(inferencer.precision))
    replace_file(args.out, lambda stream: np.savez(stream, **arrays))
    print(f'{len(embedded):,} embeddings of {rows[0].shape[1]} dimensions '
          f'in {inferencer.precision} are in {args.out}')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run; returns the exit status."""
    return run_tool(extract, parse_args(arguments), 'extract')


if __name__ == '__main__':
    run_main(main)
