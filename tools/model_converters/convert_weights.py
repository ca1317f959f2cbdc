"""Turn a public checkpoint of another project into one of this project.

Examples::

    python tools/model_converters/convert_weights.py \
        osnet_x0_25_msmt17.pth osnet_x0_25.pth
    python tools/model_converters/convert_weights.py \
        sbs_R50.pth sbs.pth --input-size 384 128
    python tools/model_converters/convert_weights.py \
        model.safetensors convnext.pth --architecture convnext_tiny.fb_in22k

The project and the network are recognised by names and shapes of the
weights. The written file carries its config, so that ReIDInferencer,
tools/export and galleries need nothing else.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmreidmix.checks import name_some
from mmreidmix.command_line import output_file, run_main
from mmreidmix.files import replace_file
from mmreidmix.public_weights import SOURCES


def parse_args(arguments: Optional[Sequence[str]] = None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, help='downloaded file')
    parser.add_argument('dst', type=output_file, help='file to write')
    parser.add_argument(
        '--from',
        dest='source',
        choices=SOURCES,
        help='project of the file; default: as its keys say')
    parser.add_argument(
        '--architecture',
        help='name of the network in timm, with the tag of its weights, such '
        'as resnet50.a1_in1k; for files of timm')
    parser.add_argument(
        '--input-size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the images that the weights were trained with, where '
        "it is not the project's usual one")
    parser.add_argument(
        '--prefix',
        help='use only the keys below this prefix, such as encoder_q')
    args = parser.parse_args(arguments)
    if args.input_size and min(args.input_size) < 1:
        parser.error('--input-size must be two numbers above 0, got '
                     f'{args.input_size}')
    return args


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Convert one file and say what was recognised."""
    args = parse_args(arguments)
    # Imported here: --help must not wait for torch.
    import torch

    from mmreidmix.apis.public_checkpoint import convert_file
    from mmreidmix.results.provenance import file_hash
    if args.dst.exists():
        raise ValueError(f'{args.dst} exists; remove it or name another file')
    content, found = convert_file(
        args.src, args.source, args.input_size, args.prefix,
        args.architecture)
    content['meta']['sha256'] = digest = file_hash(args.src)
    replace_file(args.dst, lambda stream: torch.save(content, stream))
    network = found.network
    height, width = network.preprocessing.size
    print(f'{args.src} (sha256 {digest[:16]}): {found.source}, '
          f'{network.architecture}, {height}x{width}; '
          f'{len(found.state)} tensors kept'
          f'{", " + found.place if found.place else ""}; dropped '
          f'{len(found.dropped)}: {name_some(found.dropped)}')
    print(f'embedding: {network.embedding}')
    for note in network.notes:
        print(f'note: {note}')
    print(f'written to {args.dst}')


if __name__ == '__main__':
    run_main(main)
