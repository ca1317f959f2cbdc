import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import average_precision_score

from mmreidmix.evaluation import FeatureTable, rank
from mmreidmix.visualization import camera_confusion, draw_camera_confusion

TOOL = Path(__file__).parents[2] / 'tools/visualization/camera_confusion.py'


def make_table(seed=0, num=60, people=6, cameras=(2, 5, 9), queries=25):
    rng = np.random.default_rng(seed)
    pids = rng.integers(0, people, num)
    centres = rng.normal(size=(people, 4))
    pids[-3:] = -1  # junk in the gallery
    return FeatureTable(
        features=(centres[pids] + rng.normal(size=(num, 4))).astype(
            np.float32),
        pids=pids,
        camids=rng.choice(cameras, num),
        domain=np.zeros(num, int),
        is_query=np.arange(num) < queries,
        img_path=np.full(num, ''),
        domains=np.array(['shop/one']))


def naive(table, cross_camera):
    """Matrices by loops over queries and cameras, and who has a match."""
    features = table.features / np.linalg.norm(
        table.features, axis=1, keepdims=True)
    query, gallery = table.rows_of('shop/one')
    cameras = sorted(set(table.camids[table.pids >= 0].tolist()))
    wrong = {(i, j): 0 for i in cameras for j in cameras}
    queries = dict.fromkeys(cameras, 0)
    aps = {pair: [] for pair in wrong}
    for q in query:
        allowed = [
            g for g in gallery if table.pids[g] >= 0 and not (
                cross_camera and table.pids[g] == table.pids[q]
                and table.camids[g] == table.camids[q])
        ]
        scores = features[allowed] @ features[q]
        match = table.pids[allowed] == table.pids[q]
        if match.any():
            queries[table.camids[q]] += 1
            best = int(scores.argmax())
            if not match[best]:
                wrong[table.camids[q], table.camids[allowed[best]]] += 1
        for j in cameras:
            inside = table.camids[allowed] == j
            if match[inside].any():
                aps[table.camids[q], j].append(
                    average_precision_score(match[inside], scores[inside]))
    mean = [[np.mean(aps[i, j]) if aps[i, j] else np.nan for j in cameras]
            for i in cameras]
    return (cameras, list(queries.values()),
            [[wrong[i, j] for j in cameras] for i in cameras], mean)


@given(st.integers(0, 200), st.booleans())
def test_against_loops(seed, cross_camera):
    table = make_table(seed)
    found = camera_confusion(table, 'shop/one', cross_camera=cross_camera)
    cameras, queries, wrong, mean = naive(table, cross_camera)
    assert found.cameras.tolist() == cameras
    assert found.queries.tolist() == queries
    assert found.wrong_first.tolist() == wrong
    np.testing.assert_allclose(found.mean_ap, mean, rtol=1e-5)
    assert np.isnan(np.diag(found.mean_ap)).all() or not cross_camera


def test_errors_add_up_to_those_of_rank_1():
    table = make_table(3)
    found = camera_confusion(table, 'shop/one')
    summary = rank(table.query_gallery('shop/one')).summary()
    valid = summary['queries'] - summary['queries_without_match']
    assert found.queries.sum() == valid
    assert found.wrong_first.sum() == round(valid * (1 - summary['rank-1']))
    share = found.wrong_share
    known = found.wrong_first.sum(1) > 0
    np.testing.assert_allclose(share[known].sum(1), 1)


def test_a_camera_without_errors_has_no_share():
    table = make_table()
    features = np.eye(7, dtype=np.float32)[table.pids]
    found = camera_confusion(
        FeatureTable(**dict(vars(table), features=features)), 'shop/one')
    assert found.wrong_first.sum() == 0
    assert np.isnan(found.wrong_share).all()
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(found.mean_ap[off], 1)


def test_wrong_domain():
    with pytest.raises(ValueError, match="no domain 'street'"):
        camera_confusion(make_table(), 'street')


def test_picture_shows_the_numbers():
    found = camera_confusion(make_table(), 'shop/one')
    figure = draw_camera_confusion(found, 'shop')
    left, right = figure.axes
    for axes, values in ((left, found.wrong_share), (right, found.mean_ap)):
        shown = [text.get_text() for text in axes.texts]
        assert shown == [
            '-' if np.isnan(v) else f'{100 * v:.0f}' for v in values.flat
        ]
        assert [t.get_text() for t in axes.get_xticklabels()] == [
            '2', '5', '9']
    errors = found.wrong_first.sum(1)
    assert [t.get_text() for t in left.get_yticklabels()] == [
        f'{c} ({e} of {q})'
        for c, e, q in zip(found.cameras, errors, found.queries)
    ]
    assert figure.get_suptitle() == 'shop'


def test_tool(tmp_path, capsys):
    make_table().save(tmp_path / 'features.npz')
    main = runpy.run_path(str(TOOL))['main']
    main([str(tmp_path / 'features.npz'), '--out', str(tmp_path / 'out'),
          '--same-camera'])
    file = tmp_path / 'out' / 'shop_one.png'
    assert f'camera confusion: {file}' in capsys.readouterr().out
    with Image.open(file) as image:
        assert image.size[0] >= 1000
    assert main([str(tmp_path / 'features.npz'), '--out', str(tmp_path),
                 '--domains', 'street']) == 2
    assert "camera_confusion: no domain 'street'" in capsys.readouterr().err
