"""The checks of labels against their definitions."""

import numpy as np
import pytest

from mmreidmix.datasets import BaseReIDDataset
from mmreidmix.datasets.records import ReIDRecords
from mmreidmix.doctor import Part, check_labels, unmatched
from mmreidmix.doctor.labels import IMBALANCE


class Listed(BaseReIDDataset):
    """Images that are in a list alone."""

    camera_names = ('a', 'b', 'c')
    distractor_pids = (0, )

    def __init__(self, root, subset, rows):
        self.rows = rows
        super().__init__(root, subset, name='listed')

    def load_records(self):
        """Labels as given."""
        pids, camids, tracklets = zip(*self.rows)
        return ReIDRecords.from_columns(
            [f'{self.subset}/{i:04d}.jpg' for i in range(len(self.rows))],
            pids, camids, tracklets)


def draw(seed, sizes=(60, 30, 40)):
    rng = np.random.default_rng(seed)
    return [np.stack([rng.integers(0, 14, n), rng.integers(0, 3, n),
                      rng.integers(-1, 20, n)], 1).tolist() for n in sizes]


def definition(train, query, gallery, cross_camera):
    """Counts by loops over the rows."""
    people = {pid for pid, _, _ in train if pid > 0}
    images = {p: [cam for pid, cam, _ in train if pid == p] for p in people}
    tracks = {}
    for pid, cam, track in train:
        if track >= 0:
            tracks.setdefault((cam, track), []).append(pid)
    mixed = sum(len({*pids}) > 1 for pids in tracks.values())
    sizes = [len(cams) for cams in images.values()]
    counts = {
        'identities_in_one_camera': sum(
            len(cams) > 1 and len({*cams}) == 1 for cams in images.values()),
        'identities_of_one_image': sizes.count(1),
        'class_imbalance': sum(
            size > IMBALANCE * np.median(sizes) for size in sizes),
        'tracklets_of_one_image': sum(
            len(pids) == 1 for pids in tracks.values()),
        'tracklets_of_several_people':
            mixed if 2 * mixed <= len(tracks) else 0,
        'queries_without_match': sum(
            not any(pid == other and (cam != place or not cross_camera)
                    for other, place, _ in gallery)
            for pid, cam, _ in query),
        'identities_in_train_and_test': len(
            people & {pid for pid, _, _ in query + gallery if pid > 0}),
    }
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize('seed', range(20))
@pytest.mark.parametrize('cross_camera', [True, False])
def test_counts_are_those_of_the_definition(tmp_path, seed, cross_camera):
    train, query, gallery = draw(seed)
    query = [row for row in query if row[0] > 0]
    parts = [Part(Listed(tmp_path, 'train', train), 'labelled'),
             Part(Listed(tmp_path, 'query', query), 'test'),
             Part(Listed(tmp_path, 'gallery', gallery), 'test')]
    # tracklets of the test are other ones
    found = {f.name: f.count for f in check_labels(parts, cross_camera)
             if not (f.name.startswith('tracklets') and 'train' not in f.where)
             }
    train = [row for row in train if row[0] > 0]  # distractors are dropped
    assert found == definition(train, query, gallery, cross_camera)


def test_cameras_decide_whether_a_score_can_be_computed(tmp_path):
    parts = [Part(Listed(tmp_path, 'query', [(1, 0, -1), (2, 0, -1)]), 'test'),
             Part(Listed(tmp_path, 'gallery', [(1, 0, -1)] * 3), 'test')]
    finding, = check_labels(parts)
    assert finding.level == 'error' and unmatched([finding]) == [finding]
    finding, = check_labels(parts, cross_camera=False)
    assert (finding.level, finding.count) == ('warning', 1)
    assert unmatched([finding]) == []
