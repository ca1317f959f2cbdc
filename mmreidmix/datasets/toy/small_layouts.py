"""Layouts of the smaller sets, and of training sets without a test."""

import json
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from scipy.io import savemat

from .plan import DISTRACTORS, QUERY, TEST, Job, Layout, Plan


def _people(plan: Plan) -> Iterator[tuple[int, int, int]]:
    """Every (person, camera, picture) of the training people."""
    for i in range(plan.ids):
        for cam in range(plan.cameras):
            for k in range(plan.images):
                yield i, cam, k


def _simple(path):
    """Jobs of all people, with ``path(person, camid, k)``, from 0."""

    def jobs(plan: Plan) -> Iterator[Job]:
        for i, cam, k in _people(plan):
            yield Job(path(i, cam, k), i, cam, k)

    return jobs


def _single(path):
    """One picture per person and camera, whatever the plan says."""

    def jobs(plan: Plan) -> Iterator[Job]:
        for i in range(plan.ids):
            for cam in range(plan.cameras):
                yield Job(path(i, cam), i, cam, 0)

    return jobs


def _prid(plan: Plan) -> Iterator[Job]:
    top = 'prid_2011/single_shot'
    yield from _single(
        lambda i, cam: f'{top}/cam_{"ab"[cam]}/person_{i + 1:04d}.png')(plan)
    for i in range(plan.distractors):
        yield Job(f'{top}/cam_b/person_{201 + i:04d}.png', DISTRACTORS + i,
                  1, 0)


def _grid(plan: Plan) -> Iterator[Job]:
    """Every person passes two neighbouring cameras."""
    top = 'underground_reid'
    for i in range(plan.ids):
        for step, folder in enumerate(('probe', 'gallery')):
            cam = (i + step) % plan.cameras
            yield Job(f'{top}/{folder}/{i + 1:04d}_{cam + 1}_toy.jpeg', i,
                      cam, 0)
    for i in range(plan.distractors):
        cam = i % plan.cameras
        yield Job(f'{top}/gallery/0000_{cam + 1}_{i:05d}.jpeg',
                  DISTRACTORS + i, cam, 0)


def _grid_splits(plan: Plan) -> dict:
    """Ten halves of the people, as the official file holds them."""
    cell = np.empty((1, 10), object)
    for k in range(10):
        order = sorted(range(1, plan.ids + 1),
                       key=lambda pid: pid * 7919 * (2 * k + 1) % 10_007)
        train = np.array([sorted(order[:plan.ids // 2])], np.int32)
        cell[0, k] = dict(first=k, second=k, trainIdx=train)
    file = BytesIO()
    savemat(file, dict(trainIdxAll=cell))
    data = file.getvalue()
    # the first 116 bytes are a text with the time
    text = b'MATLAB 5.0 MAT-file, toy data'.ljust(116)
    return {'underground_reid/features_and_partitions.mat':
            text + data[116:]}


def _cuhk01(plan: Plan) -> Iterator[Job]:
    for i, cam, k in _people(plan):
        if k < 2:  # all that the names have room for
            yield Job(f'campus/{i + 1:04d}{2 * cam + k + 1:03d}.png', i, cam,
                      k)


_CUHK03_PAIRS = 5


def _cuhk03_classic(boxes: str):
    """Every person passes one of the five pairs of views."""

    def path(i: int, cam: int, k: int) -> str:
        pair, pid = i % _CUHK03_PAIRS + 1, i // _CUHK03_PAIRS + 1
        return (f'cuhk03_release/images_{boxes}/{pair}_{pid:03d}_{cam + 1}_'
                f'{5 * cam + k + 1:02d}.png')

    return _simple(path)


def _cuhk03_splits(plan: Plan) -> dict:
    """Twenty splits, a tenth of the people in each test."""
    people = [[i % _CUHK03_PAIRS + 1, i // _CUHK03_PAIRS + 1]
              for i in range(plan.ids)]
    count = max(plan.ids // 10, 2)
    splits = [(people[3 * k % plan.ids:] + people)[:count] for k in range(20)]
    return {'cuhk03_release/testsets.json': json.dumps(splits)}


def _cuhk02(plan: Plan) -> Iterator[Job]:
    """Every person passes one of the five pairs of cameras."""
    pairs = plan.cameras // 2
    for i in range(plan.ids):
        for cam in range(2):
            for k in range(plan.images):
                pair = i % pairs
                yield Job(
                    f'P{pair + 1}/cam{cam + 1}/{i // pairs + 1:03d}_{k}.png',
                    i, 2 * pair + cam, k)


def _mars(plan: Plan) -> Iterator[Job]:
    """One tracklet per person and camera; pictures are its frames."""
    for folder, count, start, first in (
            ('bbox_train', plan.ids, 0, 1),
            ('bbox_test', plan.test_ids, TEST, 1 + plan.ids)):
        for i in range(count):
            for cam in range(plan.cameras):
                for k in range(plan.images):
                    pid = f'{first + i:04d}'
                    yield Job(
                        f'{folder}/{pid}/{pid}C{cam + 1}T0001F{k + 1:03d}.jpg',
                        start + i, cam, 0, frame=k)


# four cameras in each
CLONED_SCENES = (2, 4, 5, 6, 10, 12)


def _cloned(plan: Plan) -> Iterator[Job]:
    parts = (('train', 0, plan.ids, 0, range(plan.images)),
             ('test/query', plan.ids, plan.test_ids, TEST, (QUERY, )),
             ('test/gallery', plan.ids, plan.test_ids, TEST,
              range(plan.images)))
    for folder, first, count, start, pictures in parts:
        for i in range(count):
            for cam in range(plan.cameras):
                scene, token = CLONED_SCENES[cam // 4], cam % 4
                for k in pictures:
                    yield Job(
                        f'{folder}/{700_000 + first + i:06d}_s{scene:02d}_'
                        f'c{token:02d}_f{24 * k:06d}.jpg', start + i, cam, k)


def _unreal_path(i: int, cam: int, k: int) -> str:
    # 34 cameras in four scenes, a third of the people of each model
    return (f'unreal_v{cam % 4 + 1}.{i % 3 + 1}/images/'
            f'{i // 3:04d}_c{cam // 4:02d}_{k:04d}.jpg')


def _unreal_list(plan: Plan) -> dict:
    return {'list_unreal_train.txt': ''.join(
        f'{_unreal_path(i, cam, k)} {i} {cam}\n'
        for i, cam, k in _people(plan))}


SMALL_LAYOUTS = {
    'viper': Layout(
        _single(lambda i, cam:
                f'VIPeR/cam_{"ab"[cam]}/{i:03d}_{90 * cam}.bmp'),
        2, False, 1000, png=True, images=1, most_images=1),
    'prid': Layout(_prid, 2, False, 200, png=True, images=1, most_images=1,
                   most_distractors=9799),
    'grid': Layout(_grid, 6, False, 9999, _grid_splits, images=1,
                   most_images=1, most_distractors=99_999),
    'ilids119': Layout(
        _single(lambda i, cam:
                f'i-LIDS_Pedestrian/Persons/{i + 1:04d}{cam + 1:03d}.jpg'),
        4, False, 9999, images=1, most_images=1, most_cameras=8),
    'cuhk01': Layout(_cuhk01, 2, False, 9999, png=True, images=2,
                     most_images=2),
    'cuhk02': Layout(_cuhk02, 10, False, 4995, png=True, images=2,
                     most_images=2),
    **{f'cuhk03-classic-{boxes}': Layout(
        _cuhk03_classic(boxes), 2, False, 4995, _cuhk03_splits, png=True,
        images=4, most_images=5) for boxes in ('detected', 'labeled')},
    'cuhksysu-crops': Layout(
        _simple(lambda i, cam, k:
                f'cropped_images/p{i + 1}_s{cam + 1}_{k + 1}.jpg'),
        3, False, 99_999, images=1),
    '3dpes': Layout(
        _simple(lambda i, cam, k:
                f'3DPeS/RGB/{i + 1}_{cam + 1}_FRAME_{k + 1}_RGB.bmp'),
        8, False, 99_999, png=True, images=1),
    'unreal-list120k': Layout(
        _simple(_unreal_path), 34, False, 29_997, _unreal_list, images=1),
    'clonedperson': Layout(_cloned, 24, True, 299_999, images=1),
    'mars': Layout(_mars, 6, True, 9999, images=4, most_images=999),
}
