import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmreidmix.visualization import (
    absent_curves,
    draw_curves,
    draw_runs,
    read_scalars,
    run_names,
    select_curves,
)

TOOL = Path(__file__).parents[2] / 'tools/visualization/curves.py'


def loss(iteration, value=1., length=10):
    return dict(lr=.1, loss=value, loss_id=value / 2, epoch=-(
        -iteration // length), iter=iteration, step=iteration)


def labels(step, value=.5):
    return {'pseudo_labels/real/ari': value, 'pseudo_labels/real/clusters': 7.,
            'pseudo_labels/real/size_min': 2., 'step': step}


def scores(epoch, value=.5):
    return {'shop/mAP': value, 'shop/rank-1': value, 'shop/rank-5': value,
            'time': 1., 'step': epoch}


def write(work_dir, run, rows, end='\n'):
    folder = work_dir / run / 'vis_data'
    folder.mkdir(parents=True)
    text = '\n'.join(json.dumps(row) for row in rows)
    (folder / 'scalars.json').write_text(text + end)


FIRST = [labels(0), loss(5), loss(10), scores(1), labels(10), loss(15),
         loss(20), scores(2), labels(20), loss(25)]


def places(rows, key):
    return [(row['at'], row[key]) for row in rows if key in row]


def test_places_in_epochs(tmp_path):
    write(tmp_path, '20260101_000000', FIRST)
    rows = read_scalars(tmp_path)
    assert places(rows, 'loss') == [
        (.5, 1), (1, 1), (1.5, 1), (2, 1), (2.5, 1)]
    assert places(rows, 'shop/mAP') == [(1, .5), (2, .5)]
    assert places(rows, 'pseudo_labels/real/ari') == [
        (0, .5), (1, .5), (2, .5)]


@pytest.mark.parametrize('begin', [0, 1, 2])
def test_a_later_run_goes_on_from_its_first_epoch(tmp_path, begin):
    """Resumed after an epoch, or started again."""
    write(tmp_path, '20260101_000000', FIRST)
    write(tmp_path, '20260102_000000', [
        labels(10 * begin, .9), loss(10 * begin + 5, 2.),
        loss(10 * begin + 10, 2.), scores(begin + 1, .9)
    ])
    rows = read_scalars(tmp_path)
    old = begin * 2
    assert places(rows, 'loss') == [
        (i / 2 + .5, 1. if i < old else 2.) for i in range(old + 2)]
    assert places(rows, 'shop/mAP') == [
        (i + 1, .5 if i < begin else .9) for i in range(begin + 1)]
    assert places(rows, 'pseudo_labels/real/ari') == [
        (i, .5 if i < begin else .9) for i in range(begin + 1)]


@pytest.mark.parametrize('last,ends', [(2, [.5, 1.5]), (1, [1.])])
def test_the_end_of_an_epoch_need_not_be_logged(tmp_path, last, ends):
    """Ten iterations, of which every fifth but the last is logged."""
    write(tmp_path, 'run', [loss(5), loss(15)][:last])
    rows = read_scalars(tmp_path)
    assert [at for at, _ in places(rows, 'loss')] == ends


def test_a_run_that_knows_the_length_is_believed(tmp_path):
    write(tmp_path, '20260101_000000', [loss(5), loss(15), loss(25)])
    write(tmp_path, '20260102_000000', [loss(25)])
    rows = read_scalars(tmp_path)
    assert [at for at, _ in places(rows, 'loss')] == [.5, 1.5, 2.5]


def test_rows_of_other_hooks_belong_to_the_epoch_they_saw(tmp_path):
    def other(step, value):
        return {'epoch_start/share': value, 'step': step}

    write(tmp_path, '20260101_000000', [
        loss(5), loss(10), other(10, .1), loss(15), loss(20), other(20, .2),
        loss(25)])
    write(tmp_path, '20260102_000000', [
        loss(25), loss(30), other(30, .3)])
    rows = read_scalars(tmp_path)
    assert places(rows, 'epoch_start/share') == [(1, .1), (2, .2), (3, .3)]


def test_a_line_that_is_being_written(tmp_path):
    write(tmp_path, 'run', [loss(5), loss(10)], end='\n{"loss": 0.')
    assert len(read_scalars(tmp_path)) == 2


def test_bad_input(tmp_path):
    with pytest.raises(FileNotFoundError, match='no .*scalars.json in'):
        read_scalars(tmp_path)
    write(tmp_path, 'run', [labels(0)])
    with pytest.raises(ValueError, match='no training iteration was logged'):
        read_scalars(tmp_path)
    (tmp_path / 'run/vis_data/scalars.json').write_text('{}\n{"a"\n')
    with pytest.raises(ValueError, match=r'scalars.json, line 2: no JSON'):
        read_scalars(tmp_path)


def drawn(figure):
    return {
        axes.get_title():
        {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        for axes in figure.axes
    }


def test_panels(tmp_path):
    write(tmp_path, 'run', FIRST)
    figure = draw_curves(read_scalars(tmp_path), 'name')
    assert figure.get_suptitle() == 'name'
    curves = drawn(figure)
    assert {name: list(some) for name, some in curves.items()} == {
        'losses': ['loss', 'loss_id'],
        'retrieval': ['shop/mAP', 'shop/rank-1'],
        'label quality': ['real/ari'],
        'clusters': ['real/clusters']
    }
    assert curves['retrieval']['shop/mAP'] == [[1, .5], [2, .5]]
    assert curves['losses']['loss_id'][0] == [.5, .5]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


def test_values_that_are_not_finite_are_left_out():
    rows = [dict(loss(5, float('nan')), at=.5), dict(loss(10), at=1)]
    assert drawn(draw_curves(rows))['losses']['loss'] == [[1, 1]]


def test_negative_quality_is_seen():
    rows = [dict(labels(0, -.2), at=0), dict(labels(10, .4), at=1)]
    axes = draw_curves(rows).axes[0]
    low, high = axes.get_ylim()
    assert low < -.2 and high > 1


def test_panels_without_values_are_left_out():
    figure = draw_curves([dict(loss(5), at=1), dict(scores(1), at=1)])
    assert list(drawn(figure)) == ['losses', 'retrieval']
    rows = [dict(loss(5), at=1), dict(labels(5), at=1)]
    assert list(drawn(draw_curves(rows))) == [
        'losses', 'label quality', 'clusters']
    with pytest.raises(ValueError, match='neither losses nor scores'):
        draw_curves([dict(at=1, other=2)])


def test_tool(tmp_path, capsys):
    write(tmp_path / 'work', 'run', FIRST)
    main = runpy.run_path(str(TOOL))['main']
    main([str(tmp_path / 'work'), '--out', str(tmp_path / 'new/curves.png')])
    assert 'curves: ' in capsys.readouterr().out
    with Image.open(tmp_path / 'new/curves.png') as image:
        assert np.ptp(np.asarray(image)) > 0
    assert main([str(tmp_path / 'none'), '--out',
                 str(tmp_path / 'none.png')]) == 2
    assert capsys.readouterr().err.startswith('curves: ')
    assert not (tmp_path / 'none.png').exists()


def test_names_tell_work_dirs_apart(tmp_path):
    assert run_names(['x/a', 'y/b']) == ['a', 'b']
    assert run_names(['x/a/0', 'y/b/0', 'y/b/1']) == ['a/0', 'b/0', 'b/1']
    assert run_names(['x/a/0', 'y/a/0']) == ['x/a/0', 'y/a/0']
    assert run_names(['x', 'x/x']) == [f'{Path.cwd().name}/x', 'x/x']
    with pytest.raises(ValueError, match='x/./a is given twice'):
        run_names(['x/a', 'x/./a'])


@pytest.fixture
def runs(tmp_path):
    """Two work dirs of one name; the first was resumed after an epoch."""
    first, second = tmp_path / 'a/seed0', tmp_path / 'b/seed0'
    write(first, '20260101_000000', FIRST)
    write(first, '20260102_000000', [
        labels(10, .7), loss(15, 3.), loss(20, 4.), scores(2, .8)])
    write(second, '20260101_000000', [
        dict(loss(10, 9.), loss_contrast=2., time=.5),
        dict(scores(1), time=60., data_time=1.)])
    return [str(first), str(second)]


def test_curves_of_several_runs(runs):
    rows = dict(zip(run_names(runs), map(read_scalars, runs)))
    curves = select_curves(
        rows, ['*/mAP', 'loss', 'loss_contrast', 'time',
               'pseudo_labels/*/ari'])
    assert curves == {
        'shop/mAP': {'a/seed0': [(1, .5), (2, .8)], 'b/seed0': [(1, .5)]},
        'loss': {'a/seed0': [(.5, 1.), (1, 1.), (1.5, 3.), (2, 4.)],
                 'b/seed0': [(1, 9.)]},
        'loss_contrast': {'b/seed0': [(1, 2.)]},
        'time': {'b/seed0': [(1, .5)]},
        'pseudo_labels/real/ari': {'a/seed0': [(0, .5), (1, .7)]}
    }
    assert absent_curves(curves, list(rows)) == {
        ('a/seed0', ): ['loss_contrast', 'time'],
        ('b/seed0', ): ['pseudo_labels/real/ari']
    }
    figure = draw_runs(curves, list(rows))
    assert drawn(figure) == {
        key if len(own) == 2 else f'{key}\n(1 of 2 runs)':
        {name: [list(point) for point in points]
         for name, points in own.items()}
        for key, own in curves.items()
    }
    colours = {(line.get_label(), line.get_color())
               for axes in figure.axes for line in axes.lines}
    assert len(colours) == len({colour for _, colour in colours}) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        'a/seed0', 'b/seed0']


def test_keys_that_no_run_has(runs):
    rows = dict(zip(run_names(runs), map(read_scalars, runs)))
    with pytest.raises(ValueError, match="no run has 'los'; .* loss_contrast, "
                       r'.*pseudo_labels/\*/ari, .*shop/mAP'):
        select_curves(rows, ['loss', 'los'])
    curves = select_curves(rows, ['loss', '*/ndcg'], need_all=False)
    assert curves['*/ndcg'] == {}
    assert absent_curves(curves, list(rows)) == {
        ('a/seed0', 'b/seed0'): ['*/ndcg']}
    assert list(drawn(draw_runs(curves, list(rows)))) == ['loss']
    with pytest.raises(ValueError, match='no run has'):
        select_curves(rows, ['*/ndcg'], need_all=False)
    many = {'run': [dict({f'k{i}': 1. for i in range(25)}, at=1)]}
    with pytest.raises(ValueError, match='25 keys fit, more than the 24'):
        select_curves(many, ['k*'])
    with pytest.raises(ValueError, match='41 runs can not be told apart'):
        draw_runs({}, [str(i) for i in range(41)])


def test_curves_of_a_panel_differ():
    rows = [dict({f'{domain}/{kind}': .5 for domain in 'abcd'
                  for kind in ('mAP', 'rank-1')}, at=1)]
    lines = draw_curves(rows).axes[0].lines
    assert len({(line.get_color(), line.get_linestyle())
                for line in lines}) == 8


def test_tool_with_several_runs(runs, tmp_path, capsys):
    main = runpy.run_path(str(TOOL))['main']
    out = ['--out', str(tmp_path / 'curves.png')]
    assert main([*runs, *out, '--keys', 'loss', 'loss_contrast']) == 0
    assert capsys.readouterr().out.startswith(
        '1 of 2 runs (a/seed0) did not log loss_contrast\ncurves: ')
    assert main([*runs, *out, '--labels']) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        '1 of 2 runs (b/seed0) did not log pseudo_labels/real/clusters, '
        'pseudo_labels/real/ari',
        '2 of 2 runs (a/seed0, b/seed0) did not log '
        'pseudo_labels/*/noise_share, pseudo_labels/*/camera_purity, '
        'pseudo_labels/*/pair_precision, pseudo_labels/*/pair_recall'
    ]
    assert main([*runs, *out]) == 0
    assert main([*runs, *out, '--keys', 'los']) == 2
    assert "no run has 'los'" in capsys.readouterr().err
