"""Draw where in images a model looks.

Examples:
    python tools/visualization/activation_maps.py \
        work_dirs/r18_x0_25_toysyn_toytarget/epoch_8.pth \
        --images data/toy/target/Market-1501-v15.09.15/query --out maps.png
    python tools/visualization/activation_maps.py CONFIG --weights CHECKPOINT \
        --images a.jpg b.jpg --to c.jpg --out maps.png
"""

import argparse
from pathlib import Path

import numpy as np

from mmreidmix.command_line import output_file, run_main, run_tool


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw Grad-CAM of the embedding, and the attention of a '
        'model that has one, over images')
    parser.add_argument('model', help='checkpoint, or config with --weights')
    parser.add_argument(
        '--images', nargs='+', type=Path, required=True, metavar='PLACE',
        help='image files, or folders of them')
    parser.add_argument('--out', type=output_file, required=True,
                        help='picture to write')
    parser.add_argument('--weights', help='checkpoint of a config')
    parser.add_argument(
        '--to', type=Path, help='explain the similarity to this image, not '
        'the image by itself')
    parser.add_argument(
        '--num', type=int, default=12, help='images, drawn at random if there '
        'are more')
    parser.add_argument('--seed', type=int, default=0, help='of the draw')
    args = parser.parse_args(arguments)
    if args.num < 1:
        parser.error(f'--num must be at least 1, got {args.num}')
    return args


def find_images(places: list) -> list:
    """The files, and those below the folders in the order of their names.

    Raises:
        FileNotFoundError: a place does not exist, or has no image.
    """
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.images import list_images
    found = []
    for place in places:
        if place.is_file():
            found.append(place)
        else:
            found += [place / name for name in list_images(place)]
    return found


def draw(args):
    """Draw and print where the picture is."""
    from mmengine.dataset import Compose

    from mmreidmix.apis.trained_model import load_trained_model
    from mmreidmix.visualization import draw_activation_maps, save_picture
    from mmreidmix.visualization.grad_cam import explain
    files = find_images(args.images)
    rng = np.random.default_rng(args.seed)
    picked = np.sort(rng.permutation(len(files))[:args.num])
    shown = [files[i] for i in picked]
    trained = load_trained_model(args.model, args.weights)
    images, maps = explain(trained.model, Compose(trained.pipeline), shown,
                           args.to)
    about = f'similarity to {args.to.name}' if args.to else 'embedding'
    sheet = draw_activation_maps(
        images,
        maps,
        notes=[file.stem for file in shown],
        title=f'{about}: {len(shown)} of {len(files):,} images (seed '
        f'{args.seed})')
    print(f'activation maps: {save_picture(sheet, args.out)}')


def main(arguments=None) -> int:
    """Run the tool; returns the exit status."""
    return run_tool(draw, parse_args(arguments), 'activation_maps')


if __name__ == '__main__':
    run_main(main)
