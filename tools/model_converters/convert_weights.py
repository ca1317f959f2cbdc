"""Rename the weights of a public checkpoint to this project's names.

Example::

    python tools/model_converters/convert_weights.py \
        osnet_x0_25_msmt17.pth osnet_x0_25.pth --from torchreid
"""

import argparse
import hashlib
from pathlib import Path

from mmreidmix.command_line import output_file, run_main
from mmreidmix.public_weights import INPUT_SIZES, SOURCES, convert_state_dict


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, help='downloaded file')
    parser.add_argument('dst', type=output_file, help='file to write')
    parser.add_argument(
        '--from',
        dest='source',
        required=True,
        choices=SOURCES,
        help='torchreid: OSNet of deep-person-reid; torchvision: ResNet or '
        'MobileNetV2; ibn-net: ResNet-IBN-a')
    parser.add_argument(
        '--input-size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='image size that the weights were trained for person '
        're-identification at; known of torchreid files: 256 128')
    return parser.parse_args()


def main():
    """Convert one file and say what was done with every key."""
    args = parse_args()
    # Imported here: --help must not wait for torch.
    import torch

    from mmreidmix.checkpoint_file import read_checkpoint
    from mmreidmix.files import replace_file
    from mmreidmix.models.weights import unwrap_state_dict
    if args.dst.exists():
        raise ValueError(f'{args.dst} exists; remove it or name another file')
    checkpoint = read_checkpoint(args.src)
    try:
        state, dropped = convert_state_dict(
            unwrap_state_dict(checkpoint), args.source)
    except ValueError as error:
        raise ValueError(f'{args.src}: {error}') from error
    digest = hashlib.sha256(args.src.read_bytes()).hexdigest()
    meta = dict(source=args.source, sha256=digest)
    size = args.input_size or INPUT_SIZES.get(args.source)
    if size:
        meta['preprocessing'] = dict(input_size=tuple(size))
    replace_file(args.dst, lambda stream: torch.save(
        dict(state_dict=state, meta=meta), stream))
    print(f'{args.src} (sha256 {digest[:16]}...): {len(state)} tensors kept, '
          f'{len(dropped)} dropped: {", ".join(dropped) or "none"}')
    print(f'written to {args.dst}')


if __name__ == '__main__':
    run_main(main)
