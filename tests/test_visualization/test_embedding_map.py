import builtins
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import pairwise_distances

from mmreidmix.evaluation import FeatureTable
from mmreidmix.visualization import (
    draw_embedding_map,
    project,
    table_embedding_map,
)
from mmreidmix.visualization.embedding_map import sample_people

TOOL = Path(__file__).parents[2] / 'tools/visualization/embedding_map.py'


def make_table(people=6, images=8, domains=('a', 'b')):
    """Well separated people; identity 99 and junk are no queries."""
    rng = np.random.default_rng(0)
    one = np.concatenate([np.repeat(np.arange(people), images), [99] * 5,
                          [-1] * 5])
    pids = np.tile(one, len(domains))
    centres = rng.normal(size=(101, 16))
    return FeatureTable(
        features=(centres[pids] + .05 * rng.normal(
            size=(len(pids), 16))).astype(np.float32),
        pids=pids,
        camids=np.arange(len(pids)) % 3,
        domain=np.repeat(np.arange(len(domains)), len(one)),
        is_query=np.tile(
            (np.arange(len(one)) % images == 0) & (one >= 0) & (one < 99),
            len(domains)),
        img_path=np.full(len(pids), ''),
        domains=np.array(domains))


@pytest.mark.parametrize('method', ['tsne', 'umap'])
def test_people_stay_together(method):
    if method == 'umap':
        pytest.importorskip('umap', reason='umap-learn is not installed')
    table = make_table(domains=('a', ))
    known = table.pids < 99
    points = project(table.features[known], method, seed=3)
    assert points.shape == (known.sum(), 2)
    distances = pairwise_distances(points)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(1)
    pids = table.pids[known]
    assert (pids[nearest] == pids).mean() > .95
    np.testing.assert_array_equal(
        points, project(table.features[known], method, seed=3))


def test_length_and_random_state_do_not_matter():
    features = make_table(domains=('a', )).features[:20]
    lengths = 2.**np.arange(20, dtype=np.float32).reshape(-1, 1)  # exact
    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    first = project(features)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.random.seed(6)
    np.testing.assert_array_equal(project(features * lengths), first)


def test_bad_input():
    with pytest.raises(ValueError, match="one of .* got 'pca'"):
        project(np.eye(5), 'pca')
    with pytest.raises(ValueError, match='embeddings must be .* 4, got 3'):
        project(np.eye(3))


def test_missing_umap_is_said(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == 'umap':
            raise ImportError('no umap')
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match='pip install umap-learn'):
        project(np.eye(5), 'umap')


@given(st.integers(2, 150), st.integers(0, 5))
def test_people_are_drawn_whole(max_points, seed):
    table = make_table()
    rows, total = sample_people(table, ['a', 'b'], max_points, seed)
    assert total == 2 * 6 * 8
    assert len(rows) == 2 * min(max_points // 2, 48)
    assert len(np.unique(rows)) == len(rows)
    assert set(table.pids[rows].tolist()) <= set(range(6))
    for domain in range(2):
        pids = table.pids[rows[table.domain[rows] == domain]]
        counts = np.unique(pids, return_counts=True)[1]
        assert (counts < 8).sum() <= 1  # the last may be cut


def test_the_draw_follows_the_seed():
    table = make_table()
    first, second, other = (
        sample_people(table, ['a'], 16, seed)[0] for seed in (0, 0, 1))
    assert first.tolist() == second.tolist() != other.tolist()
    assert (table.domain[first] == 0).all()


def groups_of(axes):
    return {c.get_label(): len(c.get_offsets()) for c in axes.collections
            if not c.get_label().startswith('_')}


def test_panels_of_one_domain():
    table = make_table(domains=('a', ))
    figure = draw_embedding_map(
        np.random.default_rng(0).random((12, 2)), np.repeat([4, 11, 7], 4),
        np.arange(12) % 2 + 9, np.zeros(12, int), table.domains.tolist(),
        identities=2, title='some')
    identity, camera = figure.axes
    assert identity.get_title() == 'identity: 2 of 3 in colour'
    assert groups_of(identity) == {'id 4': 4, 'id 11': 4}
    assert len(identity.collections[0].get_offsets()) == 4  # grey
    assert groups_of(camera) == {'cam 9': 6, 'cam 10': 6}
    labels = [t.get_text() for t in camera.get_legend().get_texts()]
    assert labels == ['cam 9', 'cam 10']
    assert figure.get_suptitle() == 'some'


def test_people_and_cameras_of_several_domains_are_not_mixed():
    figure = draw_embedding_map(
        np.random.default_rng(0).random((4, 2)), np.array([1, 1, 1, 2]),
        np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), ['a', 'b'])
    identity, camera, domain = figure.axes
    assert groups_of(identity) == {'a id 1': 2, 'b id 1': 1, 'b id 2': 1}
    assert groups_of(camera) == {'a cam 0': 2, 'b cam 0': 1, 'b cam 1': 1}
    assert groups_of(domain) == {'a': 2, 'b': 2}


def test_domains_take_turns_at_the_colours():
    figure = draw_embedding_map(
        np.random.default_rng(0).random((6, 2)), np.array([1, 2, 3, 4, 5, 5]),
        np.zeros(6, int), np.array([0, 0, 0, 1, 1, 1]), ['a', 'b'],
        identities=3)
    assert groups_of(figure.axes[0]) == {
        'a id 1': 1, 'a id 2': 1, 'b id 4': 1}


def test_many_cameras_have_no_legend():
    figure = draw_embedding_map(
        np.zeros((30, 2)), np.zeros(30, int), np.arange(30),
        np.zeros(30, int), ['a'])
    assert figure.axes[0].get_legend() is not None
    assert figure.axes[1].get_legend() is None
    assert figure.axes[1].get_title() == 'camera (30, not named)'


def test_forty_groups_differ_and_neighbours_differ_in_shape():
    figure = draw_embedding_map(
        np.zeros((40, 2)), np.zeros(40, int), np.arange(40),
        np.zeros(40, int), ['a'])
    looks = [(tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tolist())
             for c in figure.axes[1].collections[1:]]
    assert len({str(look) for look in looks}) == 40
    assert all(a[1] != b[1] for a, b in zip(looks[:19], looks[1:20]))


def test_title_states_the_sample():
    figure = table_embedding_map(make_table(), ['b'], max_points=24, seed=2)
    assert figure.get_suptitle() == (
        'b: t-SNE of 24 of 48 images of the query people (seed 2)')
    with pytest.raises(ValueError, match="no domain 'c'"):
        table_embedding_map(make_table(), ['c'])


@pytest.mark.parametrize('suffix', ['png', 'svg'])
def test_tool(tmp_path, capsys, suffix):
    make_table().save(tmp_path / 'features.npz')
    main = runpy.run_path(str(TOOL))['main']
    out = tmp_path / 'new' / f'map.{suffix}'
    main([str(tmp_path / 'features.npz'), '--out', str(out), '--max-points',
          '20', '--domains', 'a', 'b'])
    assert f'embedding map: {out}' in capsys.readouterr().out
    if suffix == 'png':
        with Image.open(out) as image:
            assert image.size[0] > 1500  # three panels
    else:
        assert '<svg' in out.read_text()


def test_tool_names_what_is_wrong(tmp_path, capsys):
    make_table().save(tmp_path / 'features.npz')
    main = runpy.run_path(str(TOOL))['main']
    out = ['--out', str(tmp_path / 'map.png')]
    assert main([str(tmp_path / 'features.npz'), *out, '--domains', 'c']) == 2
    assert "embedding_map: no domain 'c'" in capsys.readouterr().err
    assert main([str(tmp_path / 'nothing.npz'), *out]) == 2
    assert 'nothing.npz' in capsys.readouterr().err
    (tmp_path / 'broken.npz').write_bytes(b'no archive')
    assert main([str(tmp_path / 'broken.npz'), *out]) == 2
    assert 'broken.npz' in capsys.readouterr().err
    assert not (tmp_path / 'map.png').exists()
