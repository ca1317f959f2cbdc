"""On-disk layouts: which picture goes into which file under which name."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import product
from math import pi
from typing import Callable, NamedTuple, Optional

import numpy as np

# Person numbers of the parts: the test people stay the same whatever the
# number of training people.
TEST, DISTRACTORS, JUNK = 10_000_000, 20_000_000, 30_000_000
QUERY = 5_000  # index of the query picture, apart from those of the gallery


@dataclass(frozen=True)
class Plan:
    """How many of what."""

    ids: int  # training identities
    test_ids: int
    images: int  # per identity and camera in train and gallery; per tracklet
    cameras: int  # or videos
    distractors: int = 0  # gallery pictures of people whom no query shows
    junk: int = 0  # gallery pictures of pid -1


class Job(NamedTuple):
    """One file: path below the root, and the arguments of the picture."""

    path: str
    number: int
    camid: int
    index: int
    frame: int = -1
    yaw: Optional[float] = None
    face: bool = True
    miss: float = 0.0


class Layout(NamedTuple):
    """A layout: its files, texts beside them, and its limits."""

    jobs: Callable[[Plan], Iterator[Job]]
    cameras: int  # default and, unless most_cameras says so, the most
    has_test: bool
    most_ids: int  # what the name pattern has room for
    texts: Callable[[Plan], dict] = lambda plan: {}
    png: bool = False
    images: int = 4
    most_images: int = QUERY
    most_cameras: Optional[int] = None
    most_distractors: int = 0
    most_junk: int = 0


def _parts(plan: Plan, train: str, query: Optional[str],
           gallery: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield (folder, identity, person, camera, picture) of all parts.

    Test identities are counted on from the training identities. Without a
    query folder all pictures of test people are in the gallery.
    """
    images = range(plan.images)
    for folder, first, count, start, pictures in (
            (train, 0, plan.ids, 0, images),
            (query, plan.ids, plan.test_ids, TEST, (QUERY, ) if query else ()),
            (gallery, plan.ids, plan.test_ids, TEST, images)):
        for i, cam, k in product(range(count), range(plan.cameras), pictures):
            yield folder, first + i, start + i, cam, k


def _train_only(path: Callable[[int, int, int], str], plan: Plan,
                most_images: int = QUERY) -> Iterator[Job]:
    """Training people in files named ``path(identity, camid, picture)``."""
    for i, cam, k in product(range(plan.ids), range(plan.cameras),
                             range(min(plan.images, most_images))):
        yield Job(path(i, cam, k), i, cam, k)


def _market_like(top: str, name: Callable[[int, int, int], str],
                 plan: Plan) -> Iterator[Job]:
    """Folders as in Market-1501, files named ``name(pid, camid, k)``.

    k counts from 0 per identity and camera, with the query behind the
    gallery.
    """
    for folder, i, number, cam, k in _parts(
            plan, 'bounding_box_train', 'query', 'bounding_box_test'):
        running = plan.images if k == QUERY else k
        yield Job(f'{top}/{folder}/{name(i + 1, cam, running)}', number, cam,
                  k)


def _market_name(pid: int, cam: int, k: int) -> str:
    frame = (pid * 7919 + cam * 1013 + k * 37) % 1_000_000
    token = '-1' if pid < 0 else f'{pid:04d}'
    return f'{token}_c{cam + 1}s{k % 6 + 1}_{frame:06d}_{k % 99 + 1:02d}.jpg'


def _market(plan: Plan) -> Iterator[Job]:
    top = 'Market-1501-v15.09.15'
    yield from _market_like(top, _market_name, plan)
    for pid, count, start in ((0, plan.distractors, DISTRACTORS),
                              (-1, plan.junk, JUNK)):
        for i in range(count):
            cam = i % plan.cameras
            # junk boxes cut people; every other distractor is background
            miss = 0.17 if pid < 0 else 0.6 * (i % 2)
            yield Job(f'{top}/bounding_box_test/{_market_name(pid, cam, i)}',
                      start + i, cam, 0, miss=miss)


def _cuhk03(boxes: str, plan: Plan) -> Iterator[Job]:

    def name(pid: int, cam: int, k: int) -> str:
        running = (2 * (pid - 1) + cam) * (plan.images + 1) + k + 1
        return f'{pid:04d}_c{cam + 1}_{running}.png'

    return _market_like(boxes, name, plan)


PERSONX_TOKENS = (3, 4, 8, 10, 11, 12)

# (scene, camera in the scene) of the 19 cameras
RANDPERSON_CAMERAS = [(scene, cam) for scene, count in enumerate(
    (2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 4)) for cam in range(count)]


def _randperson_path(i: int, cam: int, k: int) -> str:
    scene, token = RANDPERSON_CAMERAS[cam]
    frame = (i * 97 + k * 24) % 1_000_000
    return (f'randperson_subset/{i:06d}_s{scene:02d}_c{token:02d}_'
            f'f{frame:06d}.jpg')


_SLOTS = [day + part for day in ('0113', '0114', '0302', '0303')
          for part in ('morning', 'noon', 'afternoon')]


def _msmt(top: str, folders: Sequence[str], face: bool,
          plan: Plan) -> Iterator[Job]:
    """Train and test folders; the pids of each begin at 0."""
    for folder, count, start, images in zip(
            folders, (plan.ids, plan.test_ids), (0, TEST),
            (plan.images, plan.images + 1)):
        for pid, cam, k in product(range(count), range(plan.cameras),
                                   range(images)):
            running = cam * images + k
            slot = _SLOTS[(pid + cam + k) % len(_SLOTS)]
            tail = '_ex' if (pid + k) % 5 == 0 else ''
            yield Job(
                f'{top}/{folder}/{pid:04d}/{pid:04d}_{running:03d}_'
                f'{cam + 1:02d}_{slot}_{100 + 13 * running:04d}_{k}{tail}.jpg',
                start + pid, cam, QUERY if k == plan.images else k, face=face)


def _msmt_lists(jobs: Callable[[Plan], Iterator[Job]], plan: Plan) -> dict:
    """Texts that name the files of the four parts with their pids."""
    lists = dict(train='', val='', query='', gallery='')
    for i, job in enumerate(jobs(plan)):
        if job.number < TEST:
            # every 14th image: the share of the official list
            name = 'val' if i % 14 == 13 else 'train'
        else:
            name = 'query' if job.index == QUERY else 'gallery'
        top, _, path = job.path.split('/', 2)
        lists[name] += f'{path} {job.number % TEST}\n'
    return {f'{top}/list_{name}.txt': text for name, text in lists.items()}


def _pku(plan: Plan) -> Iterator[Job]:
    for folder, i, number, cam, k in _parts(plan, 'train', None,
                                            'val/all_imgs'):
        yield Job(f'{folder}/{i + 1:03d}/{cam + 1:02d}_{k + 1}.png', number,
                  cam, k, yaw=k * pi / 4)


def _mars(plan: Plan) -> Iterator[Job]:
    """One tracklet per person and camera; pictures are its frames."""
    for folder, i, number, cam, k in _parts(plan, 'bbox_train', None,
                                            'bbox_test'):
        pid = f'{i + 1:04d}'
        yield Job(f'{folder}/{pid}/{pid}C{cam + 1}T0001F{k + 1:03d}.jpg',
                  number, cam, 0, frame=k)


# four cameras in each
CLONED_SCENES = (2, 4, 5, 6, 10, 12)


def _cloned(plan: Plan) -> Iterator[Job]:
    for folder, i, number, cam, k in _parts(plan, 'train', 'test/query',
                                            'test/gallery'):
        yield Job(
            f'{folder}/{700_000 + i:06d}_s{CLONED_SCENES[cam // 4]:02d}_'
            f'c{cam % 4:02d}_f{24 * k:06d}.jpg', number, cam, k)


def _tracklets(plan: Plan) -> Iterator[Job]:
    """Every person walks through one video and is seen nowhere else."""
    for i, frame in product(range(plan.ids), range(plan.images)):
        tracklet, video = divmod(i, plan.cameras)
        yield Job(f'video_{video:04d}/tracklet_{tracklet:04d}/{frame:06d}.jpg',
                  i, video, 0, frame=frame)


def _videos(plan: Plan) -> Iterator[Job]:
    """Every person crosses one video twice and is seen nowhere else.

    Every third frame of the two tracks is kept.
    """
    for i, k in product(range(plan.ids), range(plan.images)):
        video = i % plan.cameras
        track = 2 * k // plan.images
        frame = 3 * (k - (track * plan.images + 1) // 2)
        yield Job(f'video_{video:04d}/p{i:05d}_t{track}_{frame:06d}.jpg', i,
                  video, track, frame=frame)


def _prid_path(i: int, cam: int, k: int) -> str:
    return f'prid_2011/single_shot/cam_{"ab"[cam]}/person_{i + 1:04d}.png'


def _prid(plan: Plan) -> Iterator[Job]:
    yield from _train_only(_prid_path, plan, most_images=1)
    for i in range(plan.distractors):
        yield Job(_prid_path(200 + i, 1, 0), DISTRACTORS + i, 1, 0)


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
    from scipy.io import savemat
    cell = np.empty((1, 10), object)
    for k in range(10):
        order = sorted(range(1, plan.ids + 1),
                       key=lambda pid: pid * 7919 * (2 * k + 1) % 10_007)
        train = np.array([sorted(order[:plan.ids // 2])], np.int32)
        cell[0, k] = dict(first=k, second=k, trainIdx=train)
    file = BytesIO()
    savemat(file, dict(trainIdxAll=cell))
    # the first 116 bytes are a text with the time
    text = b'MATLAB 5.0 MAT-file, toy data'.ljust(116)
    return {'underground_reid/features_and_partitions.mat':
            text + file.getvalue()[116:]}


def _cuhk02(plan: Plan) -> Iterator[Job]:
    """Every person passes one of the five pairs of cameras."""
    pairs = plan.cameras // 2
    for i, cam, k in product(range(plan.ids), range(2), range(plan.images)):
        pid, pair = divmod(i, pairs)
        yield Job(f'P{pair + 1}/cam{cam + 1}/{pid + 1:03d}_{k}.png', i,
                  2 * pair + cam, k)


_CUHK03_PAIRS = 5  # every person passes one of these pairs of views


def _cuhk03_classic_path(boxes: str, i: int, cam: int, k: int) -> str:
    pid, pair = divmod(i, _CUHK03_PAIRS)
    return (f'cuhk03_release/images_{boxes}/{pair + 1}_{pid + 1:03d}_'
            f'{cam + 1}_{5 * cam + k + 1:02d}.png')


def _cuhk03_splits(plan: Plan) -> dict:
    """Twenty splits, a tenth of the people in each test."""
    people = [[i % _CUHK03_PAIRS + 1, i // _CUHK03_PAIRS + 1]
              for i in range(plan.ids)]
    count = max(plan.ids // 10, 2)
    splits = [(people[3 * k % plan.ids:] + people)[:count] for k in range(20)]
    return {'cuhk03_release/testsets.json': json.dumps(splits)}


def _unreal_path(i: int, cam: int, k: int) -> str:
    # 34 cameras in four scenes, a third of the people of each model
    return (f'unreal_v{cam % 4 + 1}.{i % 3 + 1}/images/'
            f'{i // 3:04d}_c{cam // 4:02d}_{k:04d}.jpg')


def _unreal_list(plan: Plan) -> dict:
    return {'list_unreal_train.txt': ''.join(
        f'{job.path} {job.number} {job.camid}\n'
        for job in _train_only(_unreal_path, plan))}


_MSMT_V1 = partial(_msmt, 'MSMT17_V1', ('train', 'test'), True)
_MSMT_V2 = partial(_msmt, 'MSMT17_V2', ('mask_train_v2', 'mask_test_v2'),
                   False)

LAYOUTS = {
    'market1501': Layout(_market, 6, True, 9999, most_distractors=99_999,
                         most_junk=99_999),
    'msmt17-v1': Layout(_MSMT_V1, 15, True, 10_000,
                        partial(_msmt_lists, _MSMT_V1)),
    'msmt17-v2': Layout(_MSMT_V2, 15, True, 10_000,
                        partial(_msmt_lists, _MSMT_V2)),
    'personx-visda': Layout(
        partial(_market_like, 'subset1', lambda pid, cam, k:
                f'{pid:04d}_c{PERSONX_TOKENS[cam]}s1_{k + 1}.jpg'),
        6, True, 9999),
    'randperson-subset': Layout(
        partial(_train_only, _randperson_path), 19, False, 1_000_000),
    **{f'cuhk03np-{boxes}': Layout(
        partial(_cuhk03, boxes), 2, True, 9999, png=True)
        for boxes in ('detected', 'labeled')},
    **{layout: Layout(
        partial(_market_like, top, lambda pid, cam, k: f'{pid:04d}_c{cam + 1}_'
                f'f{(pid * 1000 + 61 * k) % 10**7:07d}.jpg'), 8, True, 9999)
        for layout, top in (('dukemtmc-reid', 'DukeMTMC-reID'),
                            ('occluded-duke', 'Occluded_Duke'))},
    'pku-reid': Layout(_pku, 2, True, 999, images=8, most_images=8),
    'tracklets': Layout(_tracklets, 8, False, 1_000_000, images=16,
                        most_cameras=9999),
    'videos': Layout(_videos, 100, False, 100_000, images=8,
                     most_cameras=9999),
    'viper': Layout(
        partial(_train_only, lambda i, cam, k:
                f'VIPeR/cam_{"ab"[cam]}/{i:03d}_{90 * cam}.bmp',
                most_images=1),
        2, False, 1000, png=True, images=1, most_images=1),
    'prid': Layout(_prid, 2, False, 200, png=True, images=1, most_images=1,
                   most_distractors=9799),
    'grid': Layout(_grid, 6, False, 9999, _grid_splits, images=1,
                   most_images=1, most_distractors=99_999),
    'ilids119': Layout(
        partial(_train_only, lambda i, cam, k:
                f'i-LIDS_Pedestrian/Persons/{i + 1:04d}{cam + 1:03d}.jpg',
                most_images=1),
        4, False, 9999, images=1, most_images=1, most_cameras=8),
    'cuhk01': Layout(
        partial(_train_only, lambda i, cam, k:
                f'campus/{i + 1:04d}{2 * cam + k + 1:03d}.png',
                most_images=2),
        2, False, 9999, png=True, images=2, most_images=2),
    'cuhk02': Layout(_cuhk02, 10, False, 4995, png=True, images=2,
                     most_images=2),
    **{f'cuhk03-classic-{boxes}': Layout(
        partial(_train_only, partial(_cuhk03_classic_path, boxes)), 2, False,
        4995, _cuhk03_splits, png=True, most_images=5)
        for boxes in ('detected', 'labeled')},
    'cuhksysu-crops': Layout(
        partial(_train_only, lambda i, cam, k:
                f'cropped_images/p{i + 1}_s{cam + 1}_{k + 1}.jpg'),
        3, False, 99_999, images=1),
    '3dpes': Layout(
        partial(_train_only, lambda i, cam, k:
                f'3DPeS/RGB/{i + 1}_{cam + 1}_FRAME_{k + 1}_RGB.bmp'),
        8, False, 99_999, png=True, images=1),
    'unreal-list120k': Layout(
        partial(_train_only, _unreal_path), 34, False, 29_997, _unreal_list,
        images=1),
    'clonedperson': Layout(_cloned, 24, True, 299_999, images=1),
    'mars': Layout(_mars, 6, True, 9999, most_images=999),
}
