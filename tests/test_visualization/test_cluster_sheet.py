import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmreidmix.registry import DATASETS
from mmreidmix.visualization import cluster_sheet as module
from mmreidmix.visualization import domain_cluster_sheet, draw_cluster_sheet
from mmreidmix.visualization.cluster_sheet import (
    OTHER,
    PEOPLE,
    UNKNOWN,
    pick_clusters,
    purity,
)

TOOL = Path(__file__).parents[2] / 'tools/visualization/cluster_sheet.py'
LABELS = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, -1, -1])
PIDS = np.array([5, 5, 6, 7, 7, 7, 7, 8, 9, 5, -1])


class Recorder:
    """A sheet that remembers what was pasted."""

    def __init__(self, rows, columns, size, title='', head=0, lines=2):
        self.shape, self.title, self.lines = (rows, columns), title, lines
        self.heads, self.pasted = {}, {}
        self.pixels = self

    def write_head(self, row, lines):
        self.heads[row] = lines

    def paste(self, row, column, path, colour, notes=()):
        self.pasted.setdefault(row, []).append((path, colour, notes))


@pytest.fixture
def recorder(monkeypatch):
    monkeypatch.setattr(module, 'Sheet', Recorder)


def picked(labels, pids, num, seed=0):
    return {
        name: sorted(members.tolist())
        for name, members in pick_clusters(
            np.array(labels), pids, num, np.random.default_rng(seed))
    }


def test_largest_then_impure_then_random():
    assert picked(LABELS, PIDS, 1) == {
        'cluster 1: largest': [3, 4, 5, 6],
        'cluster 2: most impure': [7, 8],
        'cluster 0: random': [0, 1, 2],
        'no cluster': [9, 10]
    }
    assert list(picked(LABELS, None, 1)) == [
        'cluster 1: largest',
        *[n for n in picked(LABELS, None, 1) if 'random' in n], 'no cluster'
    ]
    assert list(picked(LABELS, PIDS, 9)) == [
        'cluster 1: largest', 'cluster 0: largest', 'cluster 2: largest',
        'no cluster'
    ]


@given(
    st.lists(st.integers(-1, 9), min_size=1, max_size=40),
    st.integers(1, 4), st.booleans(), st.integers(0, 3))
def test_every_cluster_is_shown_whole_and_once(labels, num, known, seed):
    labels = np.array(labels)
    pids = labels % 3 if known else None
    rows = pick_clusters(labels, pids, num, np.random.default_rng(seed))
    members = np.concatenate([row.members for row in rows])
    assert len(np.unique(members)) == len(members)
    for row in rows:
        own = labels[row.members]
        assert (own == own[0]).all()
        assert len(own) == (labels == own[0]).sum()
    kinds = 3 if known else 2
    clusters = len(set(labels.tolist()) - {-1})
    shown = sum(labels[row.members[0]] >= 0 for row in rows)
    assert shown == min(clusters, kinds * num)
    assert (labels[members] == -1).sum() == (labels == -1).sum()


def test_purity_by_hand():
    assert purity(np.array([1, 1, 2, -1])) == pytest.approx(2 / 3)
    assert purity(np.array([-1, -1])) == 1


def test_rows_say_size_people_and_purity(recorder):
    sheet = draw_cluster_sheet(str, LABELS, PIDS, np.arange(11), num=1)
    assert sheet.shape == (4, 4)
    assert sheet.lines == 2
    assert sheet.heads == {
        0: ['cluster 1: largest', '4 images', '1 person', 'purity 100%'],
        1: ['cluster 2: most impure', '2 images', '2 people', 'purity 50%'],
        2: ['cluster 0: random', '3 images', '2 people', 'purity 67%'],
        3: ['no cluster', '2 images', '1 person'],
    }
    for row in sheet.pasted.values():
        for path, _, notes in row:
            pid = PIDS[int(path)]
            assert notes == [f'id {pid}' if pid >= 0 else '?', f'cam {path}']


def test_frames_tell_people_apart(recorder):
    pids = np.array([3] * 4 + [2] * 3 + [1, 1, -1, -1, -1, -1, -1])
    sheet = draw_cluster_sheet(str, np.zeros(14, int), pids, images=14)
    row = [(pids[int(path)], colour) for path, colour, _ in sheet.pasted[0]]
    assert row == [(3, PEOPLE[0])] * 4 + [(2, PEOPLE[1])] * 3 + [
        (1, PEOPLE[2])] * 2 + [(-1, UNKNOWN)] * 5
    crowd = np.arange(len(PEOPLE) + 2)
    sheet = draw_cluster_sheet(str, crowd * 0, crowd, images=20)
    assert [colour for _, colour, _ in sheet.pasted[0]] == [
        *PEOPLE, OTHER, OTHER]


def test_without_people_frames_are_grey(recorder):
    for pids in (None, np.full(11, -1)):
        sheet = draw_cluster_sheet(str, LABELS, pids, num=5)
        assert sheet.lines == 0
        assert {colour for row in sheet.pasted.values()
                for _, colour, _ in row} == {UNKNOWN}
        assert sheet.heads[0] == ['cluster 1: largest', '4 images']


def test_samples_follow_the_seed(recorder):
    labels = np.repeat(np.arange(30), 5)

    def drawn(seed):
        sheet = draw_cluster_sheet(str, labels, num=2, images=3, seed=seed)
        assert sheet.shape == (4, 3)
        return sheet.pasted

    assert drawn(1) == drawn(1) != drawn(2)


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match='none of 3 images has a cluster'):
        draw_cluster_sheet(str, np.full(3, -1))
    with pytest.raises(ValueError, match='num must be .* at least 1, got 0'):
        draw_cluster_sheet(str, LABELS, num=0)
    with pytest.raises(OSError, match='cannot read image .*nothing'):
        draw_cluster_sheet(lambda i: tmp_path / 'nothing', LABELS)


def mixture_config(toy):
    return dict(
        type='DomainMixture',
        domains=[
            dict(type='PersonX', data_root=str(toy / 'synthetic'),
                 role='labelled'),
            dict(type='Market1501', data_root=str(toy / 'real_a'),
                 name='street/a', role='unlabelled'),
        ])


@pytest.fixture
def mixture(toy):
    """The toy mixture whose clusters are pairs of people."""
    mixture = DATASETS.build(mixture_config(toy))
    pids = mixture.domains[1].records.pids
    mixture.label_table.assign({1: np.unique(pids, return_inverse=True)[1] //
                                2})
    return mixture


def test_clusters_of_a_domain(mixture, recorder):
    sheet = domain_cluster_sheet(mixture, 1, num=1)
    assert sheet.title == ('street/a: 6 clusters, 72 of 72 images have one '
                           '(seed 0)')
    names = [lines[0] for lines in sheet.heads.values()]
    numbers = [int(re.match(r'cluster (\d+):', name)[1]) for name in names]
    assert set(numbers) <= set(range(6))
    assert sheet.heads[0][1:] == ['12 images', '2 people', 'purity 50%']
    row = sheet.pasted[0]
    assert len({Path(path).name[:4] for path, _, _ in row}) == 2
    assert all(Path(path).is_file() for path, _, _ in row)


def test_domain_without_clusters(mixture):
    mixture.label_table.assign({1: np.full(72, -1)})
    with pytest.raises(ValueError, match='none of the 72 images of street/a'):
        domain_cluster_sheet(mixture, 1)


def test_tool_draws_the_labels_of_a_checkpoint(mixture, toy, tmp_path,
                                               capsys):
    config = tmp_path / 'config.py'
    config.write_text(
        f'train_dataloader = dict(dataset={mixture_config(toy)!r})')
    torch.save(dict(label_table=mixture.label_table.state_dict()),
               tmp_path / 'epoch_1.pth')
    main = runpy.run_path(str(TOOL))['main']
    main([str(config), str(tmp_path / 'epoch_1.pth'), '--out',
          str(tmp_path / 'out'), '--num', '1', '--columns', '4'])
    file = tmp_path / 'out' / 'street_a.png'
    assert f'clusters: {file}' in capsys.readouterr().out
    with Image.open(file) as image:
        assert image.size[0] > 4 * 64

    torch.save(dict(state_dict={}), tmp_path / 'weights.pth')
    assert main([str(config), str(tmp_path / 'weights.pth'), '--out',
                 'x']) == 2
    assert 'weights.pth holds no label table' in capsys.readouterr().err
    assert main([str(config), str(tmp_path / 'epoch_1.pth'), '--out', 'x',
                 '--cfg-options',
                 'train_dataloader.dataset.domains.1.role=labelled']) == 2
    assert 'trains on no unlabelled domain' in capsys.readouterr().err
