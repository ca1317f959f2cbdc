"""On-disk layouts: which picture goes into which file under which name."""

from collections.abc import Iterator
from math import pi

from .plan import (
    DISTRACTORS,
    JUNK,
    QUERY,
    TEST,
    Job,
    Layout,
    Plan,
    market_like,
)
from .small_layouts import SMALL_LAYOUTS


def _market(plan: Plan) -> Iterator[Job]:
    top = 'Market-1501-v15.09.15'
    folders = [f'{top}/{n}'
               for n in ('bounding_box_train', 'query', 'bounding_box_test')]

    def name(pid, cam, k):
        frame = (pid * 7919 + cam * 1013 + k * 37) % 1_000_000
        token = '-1' if pid < 0 else f'{pid:04d}'
        return (f'{token}_c{cam + 1}s{k % 6 + 1}_{frame:06d}_'
                f'{k % 99 + 1:02d}.jpg')

    yield from market_like(plan, folders, name)
    for pid, count, start in ((0, plan.distractors, DISTRACTORS),
                              (-1, plan.junk, JUNK)):
        for i in range(count):
            cam = i % plan.cameras
            # junk boxes cut people; every other distractor is background
            miss = 0.17 if pid < 0 else 0.6 * (i % 2)
            yield Job(f'{folders[2]}/{name(pid, cam, i)}', start + i, cam, 0,
                      miss=miss)


def _duke(top: str):

    def jobs(plan: Plan) -> Iterator[Job]:
        folders = [f'{top}/{n}' for n in ('bounding_box_train', 'query',
                                          'bounding_box_test')]
        return market_like(
            plan, folders, lambda pid, cam, k:
            f'{pid:04d}_c{cam + 1}_f{(pid * 1000 + 61 * k) % 10**7:07d}.jpg')

    return jobs


def _cuhk03(boxes: str):

    def jobs(plan: Plan) -> Iterator[Job]:
        folders = [f'{boxes}/{n}' for n in ('bounding_box_train', 'query',
                                            'bounding_box_test')]
        per_id = 2 * (plan.images + 1)

        def name(pid, cam, k):
            running = (pid - 1) * per_id + cam * (plan.images + 1) + k + 1
            return f'{pid:04d}_c{cam + 1}_{running}.png'

        return market_like(plan, folders, name)

    return jobs


PERSONX_TOKENS = (3, 4, 8, 10, 11, 12)


def _personx(plan: Plan) -> Iterator[Job]:
    folders = [f'subset1/{n}'
               for n in ('bounding_box_train', 'query', 'bounding_box_test')]
    return market_like(
        plan, folders, lambda pid, cam, k:
        f'{pid:04d}_c{PERSONX_TOKENS[cam]}s1_{k + 1}.jpg')


# (scene, camera in the scene) of the 19 cameras
RANDPERSON_CAMERAS = [(scene, cam) for scene, count in enumerate(
    (2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 4)) for cam in range(count)]


def _randperson(plan: Plan) -> Iterator[Job]:
    for i in range(plan.ids):
        for cam in range(plan.cameras):
            scene, token = RANDPERSON_CAMERAS[cam]
            for k in range(plan.images):
                frame = (i * 97 + k * 24) % 1_000_000
                yield Job(
                    f'randperson_subset/{i:06d}_s{scene:02d}_c{token:02d}_'
                    f'f{frame:06d}.jpg', i, cam, k)


_SLOTS = [day + part for day in ('0113', '0114', '0302', '0303')
          for part in ('morning', 'noon', 'afternoon')]


def _msmt_part(pids, start, plan, extra):
    """(path below train or test, pid, job fields) of one part."""
    for pid in pids:
        running = 0
        for cam in range(plan.cameras):
            for k in range(plan.images + extra):
                slot = _SLOTS[(pid + cam + k) % len(_SLOTS)]
                tail = '_ex' if (pid + k) % 5 == 0 else ''
                path = (f'{pid:04d}/{pid:04d}_{running:03d}_{cam + 1:02d}_'
                        f'{slot}_{100 + 13 * running:04d}_{k}{tail}.jpg')
                index = QUERY if k == plan.images else k
                yield path, pid, start + pid, cam, index
                running += 1


def _msmt(top: str, train: str, test: str, face: bool):

    def jobs(plan: Plan) -> Iterator[Job]:
        for part, count, start, extra in ((train, plan.ids, 0, 0),
                                          (test, plan.test_ids, TEST, 1)):
            for path, _, number, cam, k in _msmt_part(
                    range(count), start, plan, extra):
                yield Job(f'{top}/{part}/{path}', number, cam, k, face=face)

    def texts(plan: Plan) -> dict:
        lists = dict(train=[], val=[], query=[], gallery=[])
        for i, (path, pid, *_) in enumerate(
                _msmt_part(range(plan.ids), 0, plan, 0)):
            # every 14th image: the share of the official list
            lists['val' if i % 14 == 13 else 'train'].append((path, pid))
        for path, pid, *_, k in _msmt_part(
                range(plan.test_ids), TEST, plan, 1):
            lists['query' if k == QUERY else 'gallery'].append((path, pid))
        return {f'{top}/list_{name}.txt': ''.join(
            f'{path} {pid}\n' for path, pid in rows)
            for name, rows in lists.items()}

    return jobs, texts


def _pku(plan: Plan) -> Iterator[Job]:
    parts = (('train', plan.ids, 0, 1),
             ('val/all_imgs', plan.test_ids, TEST, 1 + plan.ids))
    for folder, count, start, first in parts:
        for i in range(count):
            for cam in range(plan.cameras):
                for k in range(plan.images):
                    yield Job(
                        f'{folder}/{first + i:03d}/{cam + 1:02d}_{k + 1}.png',
                        start + i, cam, k, yaw=k * pi / 4)


def _tracklets(plan: Plan) -> Iterator[Job]:
    """Every person walks through one video and is seen nowhere else."""
    for i in range(plan.ids):
        video, tracklet = i % plan.cameras, i // plan.cameras
        for frame in range(plan.images):
            yield Job(
                f'video_{video:04d}/tracklet_{tracklet:04d}/{frame:06d}.jpg',
                i, video, 0, frame=frame)


def _videos(plan: Plan) -> Iterator[Job]:
    """Every person crosses one video twice and is seen nowhere else.

    Every third frame of the two tracks is kept.
    """
    for i in range(plan.ids):
        video = i % plan.cameras
        for k in range(plan.images):
            track = 2 * k // plan.images
            frame = 3 * (k - (track * plan.images + 1) // 2)
            yield Job(
                f'video_{video:04d}/p{i:05d}_t{track}_{frame:06d}.jpg', i,
                video, track, frame=frame)


_V1 = _msmt('MSMT17_V1', 'train', 'test', True)
_V2 = _msmt('MSMT17_V2', 'mask_train_v2', 'mask_test_v2', False)

LAYOUTS = {
    'market1501': Layout(_market, 6, True, 9999, has_extras=True),
    'msmt17-v1': Layout(_V1[0], 15, True, 10_000, _V1[1]),
    'msmt17-v2': Layout(_V2[0], 15, True, 10_000, _V2[1]),
    'personx-visda': Layout(_personx, 6, True, 9999),
    'randperson-subset': Layout(_randperson, 19, False, 1_000_000),
    'cuhk03np-detected': Layout(_cuhk03('detected'), 2, True, 9999, png=True),
    'cuhk03np-labeled': Layout(_cuhk03('labeled'), 2, True, 9999, png=True),
    'dukemtmc-reid': Layout(_duke('DukeMTMC-reID'), 8, True, 9999),
    'occluded-duke': Layout(_duke('Occluded_Duke'), 8, True, 9999),
    'pku-reid': Layout(_pku, 2, True, 999, images=8, most_images=8),
    'tracklets': Layout(_tracklets, 8, False, 1_000_000, images=16,
                        most_cameras=9999),
    'videos': Layout(_videos, 100, False, 100_000, images=8,
                     most_cameras=9999),
    **SMALL_LAYOUTS,
}
