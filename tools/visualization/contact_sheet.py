"""Put the images of a folder on one sheet, one row per identity.

Example::

    python tools/visualization/contact_sheet.py \
        --images data/market1501/Market-1501-v15.09.15/bounding_box_train \
        --out sheet.png

The identity is what stands before the first ``_`` of the file name, or, where
images lie in subfolders, the name of their folder.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from mmreidmix.command_line import output_file, run_main


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=Path, required=True, metavar='FOLDER',
                        help='folder of the images')
    parser.add_argument('--out', type=output_file, required=True,
                        help='picture to write')
    parser.add_argument('--rows', type=int, default=10, help='identities')
    parser.add_argument(
        '--columns', type=int, default=16, help='images per identity')
    parser.add_argument(
        '--height', type=int, default=128, help='of each image, in pixels')
    return parser.parse_args(args)


def group_images(folder: Path) -> dict:
    """Image paths of each identity, both sorted.

    Raises:
        FileNotFoundError: No image below the folder.
    """
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.images import list_images
    groups = {}
    for path in (folder / name for name in list_images(folder)):
        flat = path.parent == folder
        name = (path.name.partition('_')[0] if flat else
                path.parent.relative_to(folder).as_posix())
        groups.setdefault(name, []).append(path)
    return groups


def spread(items: list, count: int) -> list:
    """At most ``count`` items, evenly taken from the whole list."""
    if len(items) <= count:
        return items
    return [items[i * len(items) // count] for i in range(count)]


def contact_sheet(folder: Path, rows: int, columns: int,
                  height: int) -> np.ndarray:
    """Draw the sheet.

    Args:
        folder (Path): Searched for images with its subfolders.
        rows (int): Most identities to show, evenly taken.
        columns (int): Most images per identity, evenly taken.
        height (int): Of each image; the width is half of it.

    Returns:
        np.ndarray: (H, W, 3) uint8, BGR, white where nothing is.

    Raises:
        FileNotFoundError: No image below the folder.
        OSError: An image cannot be read.
    """
    import cv2  # here: --help must not wait for it
    groups = group_images(folder)
    names = spread(list(groups), rows)
    width = height // 2
    columns = min(columns, max(len(groups[name]) for name in names))
    label = 44
    sheet = np.full((len(names) * (height + 2), label + columns *
                     (width + 2), 3), 255, np.uint8)
    for row, name in enumerate(names):
        top = row * (height + 2)
        cv2.putText(sheet, name[-6:], (2, top + height // 2),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1)
        for column, path in enumerate(spread(groups[name], columns)):
            image = cv2.imread(str(path))
            if image is None:
                raise OSError(f'{path} is not a readable image')
            left = label + column * (width + 2)
            sheet[top:top + height, left:left + width] = cv2.resize(
                image, (width, height), interpolation=cv2.INTER_AREA)
    return sheet


def main(args=None) -> int:
    """Write the sheet; returns the exit status."""
    args = parse_args(args)
    import cv2
    try:
        sheet = contact_sheet(args.images, args.rows, args.columns,
                              args.height)
    except OSError as error:
        print(f'contact_sheet: {error}', file=sys.stderr)
        return 2
    if not cv2.imwrite(str(args.out), sheet):
        print(f'contact_sheet: {args.out} could not be written',
              file=sys.stderr)
        return 2
    print(f'{args.out}: {sheet.shape[1]} x {sheet.shape[0]} pixels')
    return 0


if __name__ == '__main__':
    run_main(main)
