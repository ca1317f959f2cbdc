"""Writes toy data sets: plan, worker processes, and when not to write."""

import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, Optional, Union

from mmreidmix.checks import (
    check_at_least,
    check_between,
    check_choice,
    check_count,
)

from .layouts import LAYOUTS, Plan
from .styles import STYLES

SETTINGS_FILE = 'toy.json'
VERSION = 1  # raise when the same settings give other pictures
_CHUNK = 48  # jobs at once: few enough to keep all workers busy


class ToyReport(NamedTuple):
    """Images of a data set, seconds it took, and if any were written."""

    images: int
    seconds: float
    written: bool


def generate(root: Union[str, Path],
             layout: str,
             style: str,
             num_ids: int = 100,
             num_test_ids: Optional[int] = None,
             images_per_camera: Optional[int] = None,
             num_cameras: Optional[int] = None,
             size: tuple[int, int] = (128, 64),
             seed: int = 0,
             workers: Optional[int] = None,
             overwrite: bool = False,
             distractors: int = 0,
             junk: int = 0) -> ToyReport:
    """Write a toy data set in the on-disk layout of a public one.

    The same settings give the same bytes, whatever the number of workers.
    Other seeds and other styles are other people and other cameras.

    Args:
        root (str | Path): folder that gets the official top folder; it must
            be new, empty, or written by this function.
        layout (str): a key of ``LAYOUTS``, e.g. 'market1501'.
        style (str): 'synthetic', 'real_a', 'real_b' or 'unseen'.
        num_ids (int): training identities.
        num_test_ids (int, optional): test identities; default: half of
            ``num_ids``, none in layouts without a test part.
        images_per_camera (int, optional): images per identity and camera in
            train and gallery; frames per tracklet in 'tracklets', images per
            person in 'videos'. Default: what the layout says. One query
            per test identity and camera comes on top.
        num_cameras (int, optional): cameras; videos in 'tracklets' and
            'videos'. Default: as many as the public set has.
        size (tuple): height and width of the images.
        seed (int): not negative.
        workers (int, optional): processes; default: one per core.
        overwrite (bool): replace a toy data set with other settings.
        distractors (int): images of pid 0000 in the gallery ('market1501',
            'grid'), or of people in the second camera only ('prid').
        junk (int): images of pid -1 in the gallery ('market1501').

    Returns:
        ToyReport: number of images, seconds, and whether it wrote.

    Raises:
        ValueError: a setting that the layout cannot express.
        FileExistsError: the folder holds something else.
    """
    check_choice('toy data', LAYOUTS, layout=layout)
    check_choice('toy data', STYLES, style=style)
    height, width = size
    check_between('toy data', 16, 1024, height=height)
    check_between('toy data', 8, 1024, width=width)
    check_at_least('toy data', 0, seed=seed)
    workers = (os.cpu_count() or 1) if workers is None else workers
    check_count('toy data', 1, workers=workers)
    rules = LAYOUTS[layout]
    if num_test_ids is None:
        num_test_ids = num_ids // 2 if rules.has_test else 0
    if images_per_camera is None:
        images_per_camera = rules.images
    if num_cameras is None:
        num_cameras = rules.cameras
    for name, value, low, high in (
            ('ids', num_ids, 1, rules.most_ids),
            ('test-ids', num_test_ids, 0, rules.most_ids * rules.has_test),
            ('ids + test-ids', num_ids + num_test_ids, 1, rules.most_ids),
            ('images', images_per_camera, 1, rules.most_images),
            ('cameras', num_cameras, 1, rules.most_cameras or rules.cameras),
            ('distractors', distractors, 0, rules.most_distractors),
            ('junk', junk, 0, rules.most_junk)):
        check_between(f'layout {layout}', low, high, **{name: value})

    plan = Plan(num_ids, num_test_ids, images_per_camera, num_cameras,
                distractors, junk)
    settings = dict(
        version=VERSION, layout=layout, style=style, seed=seed,
        size=[int(height), int(width)], plan=plan.__dict__)
    root = Path(root).resolve()
    jobs = list(rules.jobs(plan))
    if _already_there(root, settings, overwrite):
        return ToyReport(len(jobs), 0.0, False)

    start = time.perf_counter()
    for folder in {os.path.dirname(job.path) for job in jobs}:
        _inside(root, folder).mkdir(parents=True, exist_ok=True)
    _save_settings(root, settings, complete=False)
    _run(partial(_write, root, style, seed, tuple(settings['size']),
                 rules.png), jobs, workers)
    for path, text in rules.texts(plan).items():
        _inside(root, path).write_bytes(
            text if isinstance(text, bytes) else text.encode())
    _save_settings(root, settings, complete=True)
    return ToyReport(len(jobs), time.perf_counter() - start, True)


def _inside(root: Path, relative: str) -> Path:
    """``root / relative``, refusing anything that is not below root."""
    path = (root / relative).resolve()
    if root != path and root not in path.parents:
        raise ValueError(f'{relative} leads out of {root}')
    return path


def _save_settings(root: Path, settings: dict, complete: bool) -> None:
    text = json.dumps(dict(settings, complete=complete), indent=1)
    (root / SETTINGS_FILE).write_text(text + '\n', newline='\n')


def _already_there(root: Path, settings: dict, overwrite: bool) -> bool:
    """True if nothing is to do; clears a toy data set that is replaced."""
    if root.exists() and not root.is_dir():
        raise FileExistsError(f'{root} is a file; a folder is needed')
    if not root.exists() or not any(root.iterdir()):
        return False
    try:
        found = json.loads((root / SETTINGS_FILE).read_text())
    except (OSError, ValueError):
        found = {}
    complete = found.pop('complete', None)
    if found == settings and not overwrite:
        return bool(complete)  # an interrupted run is taken up again
    if not found:
        raise FileExistsError(
            f'{root} holds files that are no toy data (no {SETTINGS_FILE}); '
            'name a new folder')
    if not overwrite:
        raise FileExistsError(
            f'{root} holds toy data made with other settings; '
            f'see {SETTINGS_FILE} there; use --overwrite to replace them')
    _clear(root, found)
    return False


def _clear(root: Path, found: dict) -> None:
    """Delete what the recorded settings wrote, and nothing else."""
    try:
        rules, plan = LAYOUTS[found['layout']], Plan(**found['plan'])
        made = {job.path for job in rules.jobs(plan)}
        made |= {*rules.texts(plan), SETTINGS_FILE}
    except (KeyError, TypeError) as error:
        raise FileExistsError(f'{root / SETTINGS_FILE} is not readable; '
                              'name a new folder') from error
    files = [p for p in sorted(root.rglob('*'))
             if p.is_symlink() or not p.is_dir()]
    for path in files:
        if path.relative_to(root).as_posix() not in made:
            raise FileExistsError(
                f'{path} was not written by this tool; move it away before '
                'using --overwrite')
    for path in files:
        path.unlink()
    for path in sorted(root.rglob('*'), reverse=True):
        path.rmdir()


def _write(root, style, seed, size, png, job) -> None:
    """Draw and save a picture; runs in a worker process."""
    # Imported here: --help of the tools must not wait for OpenCV.
    from .camera import camera_of, encode, shoot
    image = shoot(seed, style, job.number, job.camid, job.index, size,
                  job.frame, job.yaw, job.face, job.miss)
    quality = camera_of(seed, style, job.camid).quality
    (root / job.path).write_bytes(encode(image, quality, png))


def _run(work, jobs, workers: int) -> None:
    """Do all jobs, in this process if one worker is asked for."""
    import cv2
    threads = cv2.getNumThreads()
    # also before a fork: a child must not inherit a pool without threads
    cv2.setNumThreads(0)
    try:
        if workers == 1:
            for job in jobs:
                work(job)
            return
        method = 'fork' if 'fork' in (
            multiprocessing.get_all_start_methods()) else None
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(
                workers, context, cv2.setNumThreads, (0, )) as pool:
            for _ in pool.map(work, jobs, chunksize=_CHUNK):
                pass  # raises what a worker raised
    finally:
        cv2.setNumThreads(threads)
