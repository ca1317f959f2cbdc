import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmreidmix.evaluation import FeatureTable
from mmreidmix.evaluation.functional.verification import (
    BINS,
    STEP,
    PairHistogram,
    pair_histogram,
)
from mmreidmix.visualization import (
    describe_pairs,
    draw_score_histograms,
    read_pair_histograms,
)

TOOL = Path(__file__).parents[2] / 'tools/visualization/score_histogram.py'


def make_table(seed=0, noise=1., num=80, queries=30, domains=('shop', )):
    """People around centres, three cameras, junk in the gallery."""
    rng = np.random.default_rng(seed)
    size = num * len(domains)
    pids = rng.integers(0, 6, size)
    number = np.arange(size) % num
    features = rng.normal(size=(6, 8))[pids] + noise * rng.normal(
        size=(size, 8))
    pids[number >= num - 5] = -1
    return FeatureTable(
        features=features.astype(np.float32), pids=pids,
        camids=rng.integers(0, 3, size),
        domain=np.repeat(np.arange(len(domains)), num),
        is_query=number < queries, img_path=np.full(size, ''),
        domains=np.array(domains))


def oracle(table, domain, cross_camera, bins):
    """Cosines of both kinds, their histograms, and what is left out."""
    query, gallery = table.rows_of(domain)
    junk = table.pids[gallery] < 0
    gallery = gallery[~junk]
    features = table.features.astype(float)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    cosines = features[query] @ features[gallery].T
    same = table.pids[query][:, None] == table.pids[gallery]
    one_camera = table.camids[query][:, None] == table.camids[gallery]
    kept = ~one_camera if cross_camera else np.ones_like(same)
    kinds = cosines[kept & same], cosines[kept & ~same]
    shares = [np.histogram(kind, bins, (-1, 1))[0] / len(kind)
              for kind in kinds]
    return kinds, shares, junk.sum(), (~kept).sum()


@pytest.mark.parametrize('bins', [16, 128, 1024])
@pytest.mark.parametrize('cross_camera', [True, False])
def test_against_numpy(bins, cross_camera):
    table = make_table()
    pairs = pair_histogram(table.query_gallery(
        'shop', cross_camera=cross_camera, block=7))
    kinds, shares, junk, one_camera = oracle(
        table, 'shop', cross_camera, bins)
    assert (pairs.genuine_pairs, pairs.impostor_pairs) == (
        len(kinds[0]), len(kinds[1]))
    assert (pairs.junk, pairs.same_camera) == (junk, one_camera)
    assert (one_camera > 0) == cross_camera
    np.testing.assert_allclose(
        pairs.means(), [kind.mean() for kind in kinds], rtol=0, atol=2 * STEP)
    np.testing.assert_allclose(pairs.shares(bins), shares, rtol=1e-12)
    overlap = np.minimum(*shares).sum()
    assert 0.01 < overlap < 0.99
    assert pairs.overlap(bins) == pytest.approx(overlap, rel=1e-12)


def counts(*bins):
    return np.bincount(bins, minlength=BINS)


def test_ends_of_the_bins():
    """The cosine 1 has no bin of its own; a lower end is in its bin."""
    half = BINS // 2
    pairs = PairHistogram(counts(BINS - 1, BINS - 2), counts(half - 1, half))
    genuine, impostor = pairs.shares(16)
    assert genuine[15] == 1 and impostor[7] == impostor[8] == .5
    assert pairs.overlap() == 0
    assert PairHistogram(pairs.genuine, pairs.genuine).overlap() == 1
    assert pairs.means() == (1 - STEP / 2, -STEP / 2)
    with pytest.raises(ValueError, match='PairHistogram: bins must .* got 3'):
        pairs.overlap(3)


def test_picture_shows_the_shares():
    pairs = {name: {domain: pair_histogram(table.query_gallery(domain))
                    for domain in ('a', 'b')}
             for name, table in (
                 ('start', make_table(1, domains=('a', 'b'))),
                 ('adapted', make_table(1, .1, domains=('a', 'b'))))}
    figure = draw_score_histograms(pairs, 64)
    assert len(figure.axes) == 4
    shown = [(name, domain) for name in pairs for domain in ('a', 'b')]
    used = np.zeros(64)
    for axes, (name, domain) in zip(figure.axes, shown):
        own = pairs[name][domain]
        assert axes.get_title() == (
            f'{name}, {domain}: overlap {own.overlap(64):.4f}')
        for patch, share in zip(axes.patches, own.shares(64)):
            values, edges, _ = patch.get_data()
            np.testing.assert_array_equal(values, share)
            np.testing.assert_array_equal(edges, np.linspace(-1, 1, 65))
            used += share
        assert [line.get_xdata()[0] for line in axes.lines] == [*own.means()]
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels[0] == (f'{own.genuine_pairs:,} genuine, mean '
                             f'{own.means()[0]:.4f}')
    limits = np.flatnonzero(used)[[0, -1]] + [0, 1]
    assert all(axes.get_xlim() == tuple(limits / 32 - 1)
               for axes in figure.axes)
    many = {str(i): pairs['start'] for i in range(31)}
    with pytest.raises(ValueError, match='31 files of 2 domains are 62 pan'):
        draw_score_histograms(many)


@pytest.mark.parametrize('same_camera', [False, True])
def test_tool(tmp_path, capsys, same_camera):
    files, lines = [], []
    for name, noise in (('start', 1.), ('adapted', .3)):
        file = tmp_path / name / 'features.npz'
        file.parent.mkdir()
        table = make_table(2, noise)
        table.save(file)
        kinds, shares, junk, one_camera = oracle(
            table, 'shop', not same_camera, 32)
        files.append(str(file))
        lines.append(
            f'{name}/features.npz, shop: {len(kinds[0]):,} genuine pairs, '
            f'mean {kinds[0].mean():.4f}; {len(kinds[1]):,} impostor pairs, '
            f'mean {kinds[1].mean():.4f}; overlap '
            f'{np.minimum(*shares).sum():.4f} in 32 bins; left out: {junk} '
            f'junk images, {one_camera:,} pairs of one camera')
    out = tmp_path / 'new' / 'scores.png'
    main = runpy.run_path(str(TOOL))['main']
    words = ['--same-camera'] if same_camera else []
    assert main([*files, '--out', str(out), '--bins', '32', *words]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *lines, f'score histograms: {out}']
    with Image.open(out) as image:
        assert image.size == (600, 560)


def test_what_is_wrong_is_named_with_its_file(tmp_path, capsys):
    files = {name: str(tmp_path / f'{name}.npz') for name in (
        'one', 'two', 'camera')}
    make_table().save(files['one'])
    make_table(domains=('shop', 'street')).save(files['two'])
    table = make_table()
    replace(table, camids=table.camids * 0).save(files['camera'])
    main = runpy.run_path(str(TOOL))['main']
    out = str(tmp_path / 'out.png')
    for words, message in (
            (['one', 'two'], f"{files['two']} has the domains ['shop', "
             f"'street'], {files['one']} has ['shop']: name some"),
            (['two', 'one'], "one.npz has the domains ['shop'], "),
            (['one', 'one'], 'one.npz is given twice'),
            (['one', 'camera'], f"{files['camera']}: there is no genuine pair "
             'in another camera')):
        assert main([*map(files.get, words), '--out', out]) == 2
        assert message in capsys.readouterr().err
    assert main([*map(files.get, ['two', 'one']), '--out', out, '--domains',
                 'street']) == 2
    assert f"{files['one']}: no domain 'street'" in capsys.readouterr().err
    assert main([str(tmp_path / 'gone.npz'), '--out', out]) == 2
    assert 'gone.npz' in capsys.readouterr().err
    assert not Path(out).exists()
    assert main([*map(files.get, ['two', 'one']), '--out', out, '--domains',
                 'shop']) == 0


def test_numbers_of_a_line():
    pairs = PairHistogram(counts(*[BINS - 1] * 1000), counts(BINS // 2), 2, 3)
    assert describe_pairs(pairs) == (
        '1,000 genuine pairs, mean 1.0000; 1 impostor pairs, mean 0.0000; '
        'overlap 0.0000 in 128 bins; left out: 2 junk images, 3 pairs of one '
        'camera')


def test_files_are_named_by_what_tells_them_apart(tmp_path):
    for name in 'ab':
        (tmp_path / name).mkdir()
        make_table().save(tmp_path / name / 'f.npz')
    found = read_pair_histograms([tmp_path / n / 'f.npz' for n in 'ab'])
    assert list(found) == ['a/f.npz', 'b/f.npz']
    assert found['a/f.npz']['shop'].genuine_pairs > 0
