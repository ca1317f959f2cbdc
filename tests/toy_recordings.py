"""Small recordings, and the tool that imports them."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from mmreidmix.datasets.domain_files import read_info, read_table

TOOL = Path(__file__).parents[1] / 'tools/dataset_converters/import_domain.py'
RATE = 5


def convert(source, out, *options):
    """Import; returns the rows and ``domain.json``."""
    spec = importlib.util.spec_from_file_location('import_domain', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.main([str(word) for word in (source, out, *options)])
    return read_table(out).to_pylist(), read_info(out)


def frame(number):
    """A frame of 80 x 60 whose columns are told apart by their grey."""
    return np.full((60, 80, 3), np.arange(80)[:, None] * 2 + number, np.uint8)


def video(path, frames=4):
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'MJPG'), RATE, (80, 60))
    for number in range(1, frames + 1):
        writer.write(frame(10 * number))
    writer.release()
    return path


def written(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines))
    return path


def sequence(folder, lines, frames=4, boxes='gt'):
    """A sequence of MOTChallenge."""
    written(folder / boxes / f'{boxes}.txt', lines)
    (folder / 'img1').mkdir()
    for number in range(1, frames + 1):
        cv2.imwrite(str(folder / 'img1' / f'{number:06d}.jpg'), frame(number))
    return folder


def files_of(folder):
    """Name -> bytes of all files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


def images_of(rows):
    return [row['path'] for row in rows]
