"""What a layout is: pictures, files, limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

# Person numbers of the parts: the test people stay the same whatever the
# number of training people.
TEST, DISTRACTORS, JUNK = 10_000_000, 20_000_000, 30_000_000
QUERY = 5_000  # index of the query picture, apart from those of the gallery


@dataclass(frozen=True)
class Plan:
    """How many of what.

    Attributes:
        ids (int): Training identities.
        test_ids (int): Test identities.
        images (int): Pictures per identity and camera in train and gallery
            (frames per tracklet in 'tracklets').
        cameras (int): Cameras (videos in 'tracklets' and 'videos').
        distractors (int): Gallery pictures of pid 0000, or of people whom
            no query shows.
        junk (int): Gallery pictures of pid -1.
    """

    ids: int
    test_ids: int
    images: int
    cameras: int
    distractors: int = 0
    junk: int = 0


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
    cameras: int  # default and, unless the last field says so, the most
    has_test: bool
    most_ids: int  # what the name pattern has room for
    texts: Callable[[Plan], dict] = lambda plan: {}
    png: bool = False
    images: int = 4
    most_images: int = QUERY
    has_extras: bool = False  # distractors and junk
    most_cameras: Optional[int] = None
    most_distractors: int = 0  # where there is no junk


def market_like(plan, folders, name, first=1):
    """Jobs of train, query and gallery folders with one naming rule.

    ``name(pid, camid, k)`` gives the file name; k counts from 0 per identity
    and camera, with the query behind the gallery.
    """
    train, query, gallery = folders
    for i in range(plan.ids):
        for cam in range(plan.cameras):
            for k in range(plan.images):
                yield Job(f'{train}/{name(first + i, cam, k)}', i, cam, k)
    for i in range(plan.test_ids):
        pid = first + plan.ids + i
        for cam in range(plan.cameras):
            yield Job(f'{query}/{name(pid, cam, plan.images)}', TEST + i,
                      cam, QUERY)
            for k in range(plan.images):
                yield Job(f'{gallery}/{name(pid, cam, k)}', TEST + i, cam, k)
