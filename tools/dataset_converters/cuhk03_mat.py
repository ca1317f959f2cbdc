"""Write the images and the classic splits of cuhk-03.mat.

    python tools/dataset_converters/cuhk03_mat.py \
        data/cuhk03/cuhk03_release/cuhk-03.mat data/cuhk03/cuhk03_release

writes ``images_detected/``, ``images_labeled/`` (about 2 GB of PNG files in
all) and ``testsets.json``, which ``CUHK03Classic`` reads. The file is HDF5:
``pip install '.[cuhk03]'``.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmreidmix.command_line import output_folder, run_main

BOXES = ('detected', 'labeled')


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('mat', type=Path, help='cuhk-03.mat')
    parser.add_argument('out', type=output_folder, help='folder to write into')
    return parser.parse_args(args)


def open_mat(path: Path):
    """Open the file.

    Raises:
        FileNotFoundError: there is none.
        ModuleNotFoundError: without h5py.
        ValueError: it is not cuhk-03.mat.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f'no file {path}: expected cuhk-03.mat of the archive '
            'cuhk03_release')
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'cuhk-03.mat is an HDF5 file, which needs the package h5py: '
            'pip install h5py') from error
    try:
        mat = h5py.File(path, 'r')
    except OSError as error:
        raise ValueError(f'{path} is no HDF5 file ({error}); is it complete, '
                         'and cuhk-03.mat itself?') from error
    missing = [key for key in (*BOXES, 'testsets') if key not in mat]
    if missing:
        raise ValueError(f'{path} lacks {missing}: expected cuhk-03.mat')
    return mat


def images(mat, boxes: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and RGB image of every box that is there.

    A pair of cameras is an array of identities x 10 cells, of which the first
    five are those of view 1. HDF5 holds the axes of MATLAB in reverse.
    """
    for pair, reference in enumerate(mat[boxes][0], start=1):
        people = mat[reference][()].T
        for pid, cells in enumerate(people, start=1):
            for index, cell in enumerate(cells, start=1):
                image = mat[cell][()].T
                if image.ndim == 3:  # an empty cell is a small vector
                    view = 1 if index <= 5 else 2
                    yield f'{pair}_{pid:03d}_{view}_{index:02d}.png', image


def test_sets(mat) -> list:
    """The tested [pair, identity], from 1, of every split."""
    return [
        mat[reference][()].T.astype(int).tolist()
        for reference in np.ravel(mat['testsets'][()])
    ]


def main(args=None) -> None:
    """Write everything."""
    args = parse_args(args)
    import cv2  # here: --help must not wait for it
    with open_mat(args.mat) as mat:
        for boxes in BOXES:
            folder = args.out / f'images_{boxes}'
            folder.mkdir(parents=True, exist_ok=True)
            count = 0
            for name, image in images(mat, boxes):
                path = folder / name
                if not cv2.imwrite(str(path), image[..., ::-1]):
                    raise OSError(f'{path} could not be written')
                count += 1
            print(f'{folder}: {count:,} images')
        splits = test_sets(mat)
    file = args.out / 'testsets.json'
    file.write_text(json.dumps(splits))
    print(f'{file}: {len(splits)} splits of '
          f'{sorted({len(split) for split in splits})} people')


if __name__ == '__main__':
    run_main(main)
