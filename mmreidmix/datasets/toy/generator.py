"""Writes toy data sets: plan, worker processes, and when not to write."""

import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Optional

import cv2

from .camera import camera_of, encode, shoot
from .layouts import LAYOUTS, Plan
from .styles import STYLES

SETTINGS_FILE = 'toy.json'
VERSION = 1  # raise when the same settings give other pictures
_CHUNK = 48


class ToyReport(NamedTuple):
    """What :func:`generate` did: images, seconds, and if it wrote any."""

    images: int
    seconds: float
    written: bool


def generate(root,
             layout: str,
             style: str,
             num_ids: int = 100,
             num_test_ids: Optional[int] = None,
             images_per_camera: Optional[int] = None,
             num_cameras: Optional[int] = None,
             size: tuple = (128, 64),
             seed: int = 0,
             workers: Optional[int] = None,
             overwrite: bool = False,
             distractors: int = 0,
             junk: int = 0) -> ToyReport:
    """Write a toy data set in the on-disk layout of a public one.

    The same settings give the same bytes, whatever the number of workers.
    Other seeds and other styles are other people and other cameras.

    Args:
        root (str | Path): Folder that gets the official top folder; it must
            be new, empty, or written by this function.
        layout (str): A key of ``LAYOUTS``, e.g. 'market1501'.
        style (str): 'synthetic', 'real_a', 'real_b' or 'unseen'.
        num_ids (int): Training identities.
        num_test_ids (int, optional): Test identities; by default half of
            ``num_ids``, none in layouts without a test part.
        images_per_camera (int, optional): Images per identity and camera in
            train and gallery; frames per tracklet in 'tracklets', images per
            person in 'videos'. By default what the layout says. One query
            per test identity and camera comes on top.
        num_cameras (int, optional): Cameras; videos in 'tracklets' and
            'videos'. By default as many as the public set has.
        size (tuple): Height and width of the images.
        seed (int): Not negative.
        workers (int, optional): Processes; by default one per core.
        overwrite (bool): Replace a toy data set with other settings.
        distractors (int): Images of pid 0000 in the gallery ('market1501',
            'grid'), or of people in the second camera only ('prid').
        junk (int): Images of pid -1 in the gallery ('market1501').

    Returns:
        ToyReport: Number of images, seconds, and whether it wrote.

    Raises:
        ValueError: A setting that the layout cannot express.
        FileExistsError: The folder holds something else.
    """
    plan = _make_plan(layout, style, num_ids, num_test_ids,
                      images_per_camera, num_cameras, distractors, junk)
    _check_size(size, seed, workers)
    settings = dict(
        version=VERSION, layout=layout, style=style, seed=seed,
        size=[int(v) for v in size], plan=plan.__dict__)
    root = Path(root).resolve()
    jobs = list(LAYOUTS[layout].jobs(plan))
    if _already_there(root, settings, overwrite):
        return ToyReport(len(jobs), 0.0, False)

    start = time.perf_counter()
    texts = LAYOUTS[layout].texts(plan)
    for folder in {os.path.dirname(p) for p in [j.path for j in jobs]}:
        _inside(root, folder).mkdir(parents=True, exist_ok=True)
    _save_settings(root, settings, complete=False)
    work = partial(_write, str(root), style, seed, tuple(settings['size']),
                   LAYOUTS[layout].png)
    _run(work, jobs, workers or os.cpu_count() or 1)
    for path, text in texts.items():
        _inside(root, path).write_bytes(
            text if isinstance(text, bytes) else text.encode())
    _save_settings(root, settings, complete=True)
    return ToyReport(len(jobs), time.perf_counter() - start, True)


def _make_plan(layout, style, ids, test_ids, images, cameras, distractors,
               junk) -> Plan:
    if layout not in LAYOUTS:
        raise ValueError(
            f'unknown layout {layout!r}; one of {", ".join(LAYOUTS)}')
    if style not in STYLES:
        raise ValueError(
            f'unknown style {style!r}; one of {", ".join(STYLES)}')
    rules = LAYOUTS[layout]
    if test_ids is None:
        test_ids = ids // 2 if rules.has_test else 0
    images = rules.images if images is None else images
    cameras = rules.cameras if cameras is None else cameras
    most = rules.most_cameras or rules.cameras
    limits = (('ids', ids, 1, rules.most_ids),
              ('test-ids', test_ids, 0, rules.most_ids * rules.has_test),
              ('ids + test-ids', ids + test_ids, 1, rules.most_ids),
              ('images', images, 1, rules.most_images),
              ('cameras', cameras, 1, most),
              ('distractors', distractors, 0,
               rules.most_distractors or 99_999 * rules.has_extras),
              ('junk', junk, 0, 99_999 * rules.has_extras))
    for name, value, low, high in limits:
        if not low <= value <= high:
            raise ValueError(f'{name} = {value}: layout {layout} has room '
                             f'for {low} to {high}')
    return Plan(ids, test_ids, images, cameras, distractors, junk)


def _check_size(size, seed, workers):
    height, width = size
    if not (16 <= height <= 1024 and 8 <= width <= 1024):
        raise ValueError(f'size = {height} x {width}: height 16 to 1024 and '
                         'width 8 to 1024 are possible')
    if seed < 0:
        raise ValueError(f'seed = {seed}: must not be negative')
    if workers is not None and workers < 1:
        raise ValueError(f'workers = {workers}: at least 1')


def _inside(root: Path, relative: str) -> Path:
    """``root / relative``, refusing anything that is not below root."""
    path = (root / relative).resolve()
    if root != path and root not in path.parents:
        raise ValueError(f'{relative} leads out of {root}')
    return path


def _read_settings(root: Path) -> dict:
    try:
        return json.loads((root / SETTINGS_FILE).read_text())
    except (OSError, ValueError):
        return {}


def _save_settings(root: Path, settings: dict, complete: bool):
    text = json.dumps(dict(settings, complete=complete), indent=1)
    (root / SETTINGS_FILE).write_text(text + '\n', newline='\n')


def _already_there(root: Path, settings: dict, overwrite: bool) -> bool:
    """True if nothing is to do; clears a toy data set that is replaced."""
    if root.exists() and not root.is_dir():
        raise FileExistsError(f'{root} is a file; a folder is needed')
    if not root.exists() or not any(root.iterdir()):
        return False
    found = _read_settings(root)
    complete = found.pop('complete', None)
    if found == settings and not overwrite:
        return bool(complete)  # an interrupted run is taken up again
    if not found:
        raise FileExistsError(
            f'{root} holds files that are no toy data (no {SETTINGS_FILE}); '
            'name a new folder')
    if not overwrite and found != settings:
        raise FileExistsError(
            f'{root} holds toy data made with other settings; '
            f'see {SETTINGS_FILE} there; use --overwrite to replace them')
    _clear(root, found)
    return False


def _clear(root: Path, found: dict):
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


def _write(root, style, seed, size, png, jobs) -> int:
    """Draw and save some pictures; runs in a worker process."""
    for job in jobs:
        image = shoot(seed, style, job.number, job.camid, job.index, size,
                      job.frame, job.yaw, job.face, job.miss)
        quality = camera_of(seed, style, job.camid).quality
        with open(os.path.join(root, job.path), 'wb') as file:
            file.write(encode(image, quality, png))
    return len(jobs)


def _chunks(jobs):
    """Runs of jobs, short enough to keep all workers busy."""
    left = iter(jobs)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk


def _run(work, jobs, workers: int):
    """Do all jobs, in this process if one worker is asked for."""
    threads = cv2.getNumThreads()
    # also before a fork: a child must not inherit a pool without threads
    cv2.setNumThreads(0)
    try:
        if workers == 1:
            for chunk in _chunks(jobs):
                work(chunk)
            return
        method = 'fork' if 'fork' in (
            multiprocessing.get_all_start_methods()) else None
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(
                workers, context, cv2.setNumThreads, (0, )) as pool:
            for _ in pool.map(work, list(_chunks(jobs))):
                pass
    finally:
        cv2.setNumThreads(threads)
