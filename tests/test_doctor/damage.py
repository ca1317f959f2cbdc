"""Kinds of damage, each seeded into toy data, and what the doctor calls it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmreidmix.datasets.domain_files import write_domain
from mmreidmix.importing.image_rows import ImageRows, to_table


class Expected(NamedTuple):
    """A finding: its name and level, how many, and a path among examples."""

    name: str
    level: str
    count: int
    path: str


class ToyDomain:
    """Toy images with a table of labels that can be changed.

    Attributes:
        root (Path): folder of images and table.
        rows (list[dict]): path, subset, pid, camid, tracklet.
    """

    def __init__(self, root: Path, rows: list):
        self.root = root
        self.rows = [dict(row) for row in rows]

    def of(self, subset: str) -> list:
        """Rows of a subset."""
        return [row for row in self.rows if row['subset'] == subset]

    def read(self, row: dict) -> np.ndarray:
        """Decode the image of a row."""
        return cv2.imread(str(self.root / row['path']))

    def write(self, row: dict, image: np.ndarray, suffix: str = '.jpg',
              quality: int = 95) -> bytes:
        """Put an image in the place of a row's file; returns its bytes."""
        done, data = cv2.imencode(
            suffix, image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert done
        (self.root / row['path']).write_bytes(data.tobytes())
        return data.tobytes()

    def add(self, row: dict, **labels) -> dict:
        """A new row with a copy of a row's file, behind all others."""
        new = dict(row, path=f'zz_{len(self.rows)}.jpg', **labels)
        (self.root / new['path']).write_bytes(
            (self.root / row['path']).read_bytes())
        self.rows.append(new)
        return new

    def domain(self) -> dict:
        """Write the table; returns the config."""
        columns = {name: [str(row[name]) for row in self.rows]
                   for name in self.rows[0]}
        rows = ImageRows(columns.pop('path'), columns, str)
        write_domain(self.root, to_table(rows),
                     dict(name=self.root.name, images=str(self.root)))
        return dict(type='Domain', data_root=str(self.root))


def nearly_same(toy: ToyDomain, row: dict, **labels) -> dict:
    """A copy of an image, saved smaller and with more loss."""
    new = toy.add(row, **labels)
    toy.write(new, cv2.resize(toy.read(row), None, fx=0.9, fy=0.9), '.jpg', 80)
    return new


def unreadable(toy):
    row = toy.of('train')[3]
    (toy.root / row['path']).write_text('no image')
    return Expected('unreadable_images', 'error', 1, row['path'])


def truncated(suffix):
    def damage(toy):
        row = toy.of('train')[4]
        data = toy.write(row, toy.read(row), suffix)
        (toy.root / row['path']).write_bytes(data[:len(data) // 2])
        return Expected('truncated_images', 'error', 1, row['path'])
    return damage


def empty(toy):
    row = toy.of('gallery')[5]
    (toy.root / row['path']).write_bytes(b'')
    return Expected('empty_files', 'error', 1, row['path'])


def blank(toy):
    row = toy.of('train')[6]
    toy.write(row, np.full((64, 32, 3), 90, np.uint8))
    return Expected('blank_images', 'warning', 1, row['path'])


def exact_copy(toy):
    new = toy.add(toy.of('train')[1])
    return Expected('exact_duplicates', 'warning', 1, new['path'])


def near_copy_of_another_person(toy):
    first, *others = toy.of('train')
    pid = next(row['pid'] for row in others if row['pid'] != first['pid'])
    new = nearly_same(toy, first, pid=pid)
    return Expected(
        'near_duplicates_of_other_identities', 'warning', 1, new['path'])


def leak(toy):
    test = toy.of('gallery')[0]
    new = toy.add(toy.of('train')[0], subset='gallery', pid=test['pid'])
    return Expected('duplicates_in_train_and_test', 'error', 1, new['path'])


def near_leak(toy):
    test = toy.of('gallery')[0]
    new = nearly_same(toy, toy.of('train')[0], subset='gallery',
                      pid=test['pid'])
    return Expected(
        'near_duplicates_in_train_and_test', 'warning', 1, new['path'])


def unusual_size(toy):
    row = toy.of('train')[7]
    toy.write(row, cv2.resize(toy.read(row), None, fx=5, fy=5))
    return Expected('unusual_size', 'warning', 1, row['path'])


def unusual_aspect(toy):
    row = toy.of('train')[8]
    toy.write(row, cv2.resize(toy.read(row), (96, 64)))
    return Expected('unusual_aspect', 'warning', 1, row['path'])


def one_camera(toy):
    row = toy.of('train')[0]
    toy.rows = [r for r in toy.rows if r['pid'] != row['pid']
                or r['camid'] == row['camid']]
    return Expected('identities_in_one_camera', 'note', 1, row['path'])


def one_image(toy):
    row = toy.of('train')[0]
    other = dict(row, pid=9999)
    toy.rows[toy.rows.index(row)] = other
    return Expected('identities_of_one_image', 'note', 1, row['path'])


def query_without_match(toy):
    row = toy.of('query')[0]
    toy.rows = [r for r in toy.rows if r['subset'] != 'gallery'
                or r['pid'] != row['pid']]
    return Expected('queries_without_match', 'warning', 2, row['path'])


def no_match_at_all(toy):
    for row in toy.of('query'):
        row['pid'] += 5000
    return Expected('queries_without_match', 'error', len(toy.of('query')),
                    toy.of('query')[0]['path'])


def camera_per_image(toy):
    rows = toy.of('train')
    for number, row in enumerate(rows):
        row['camid'] = number
    return Expected(
        'camera_per_image', 'error', len(rows), rows[0]['path'])


def same_frame(toy):
    row = toy.of('train')[0]
    new = nearly_same(toy, row, camid=3 - row['camid'])
    return Expected('same_frame_in_cameras', 'warning', 1, new['path'])


def many_frames(toy):
    rows = toy.of('train')[::5]
    for row in rows:
        nearly_same(toy, row)
    return Expected('many_near_duplicates', 'note', len(rows), 'zz_')


def with_tracklets(toy) -> list:
    for row in toy.of('train'):
        row['tracklet'] = f"{row['pid']}_{row['camid']}"
    return toy.of('train')


def tracklet_of_one_image(toy):
    row = with_tracklets(toy)[2]
    row['tracklet'] = 'alone'
    return Expected('tracklets_of_one_image', 'note', 1, row['path'])


def tracklet_of_two_people(toy):
    first, *others = with_tracklets(toy)
    other = next(row for row in others if row['pid'] != first['pid']
                 and row['camid'] == first['camid'])
    other['tracklet'] = first['tracklet']
    return Expected(
        'tracklets_of_several_people', 'warning', 1, first['path'])


def on_both_sides(toy):
    row, test = toy.of('train')[0], toy.of('query')[0]
    pid = test['pid']
    for other in toy.rows:
        if other['pid'] == pid:
            other['pid'] = row['pid']
    return Expected('identities_in_train_and_test', 'error', 1, row['path'])


def imbalance(toy):
    people = sorted({row['pid'] for row in toy.of('train')})
    for row in toy.of('train'):
        if row['pid'] in people[:11]:
            row['pid'] = people[0]
    return Expected('class_imbalance', 'warning', 1,
                    toy.of('train')[0]['path'])


def no_person(toy):
    row = toy.of('train')[9]
    board = np.kron(np.indices((16, 8)).sum(0) % 2, np.ones((4, 4))) * 255
    toy.write(row, np.repeat(board[..., None], 3, 2).astype(np.uint8))
    return Expected('unlike_all_others', 'warning', 1, row['path'])


#: Damage of one domain.
DAMAGES: dict[str, Callable[[ToyDomain], Expected]] = {
    'text instead of an image': unreadable,
    'JPEG cut short': truncated('.jpg'),
    'PNG cut short': truncated('.png'),
    'empty file': empty,
    'one colour': blank,
    'copy': exact_copy,
    'near copy of another person': near_copy_of_another_person,
    'copy of a training image in the gallery': leak,
    'near copy of a training image in the gallery': near_leak,
    'size': unusual_size,
    'aspect': unusual_aspect,
    'person in one camera': one_camera,
    'person of one image': one_image,
    'query without match': query_without_match,
    'no match at all': no_match_at_all,
    'camera per image': camera_per_image,
    'one frame in two cameras': same_frame,
    'many frames': many_frames,
    'tracklet of one image': tracklet_of_one_image,
    'tracklet of two people': tracklet_of_two_people,
    'person in train and test': on_both_sides,
    'imbalance': imbalance,
    'no person': no_person,
}
