import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmreidmix.evaluation import FeatureTable
from mmreidmix.visualization import (
    domain_rank_lists,
    draw_rank_lists,
    draw_table,
)
from mmreidmix.visualization.image_grid import FRAME, GAP, LINE
from mmreidmix.visualization.rank_list import RIGHT, WRONG

TOOL = Path(__file__).parents[2] / 'tools/visualization/rank_lists.py'
PINK, BLUE = (250, 130, 180), (20, 60, 250)


@pytest.fixture
def images(tmp_path):
    """Files 0.png (pink), 1.png (blue), ... of two aspect ratios."""
    for i in range(6):
        size = (32, 64) if i < 4 else (30, 30)
        colour = BLUE if i % 2 else PINK
        Image.new('RGB', size, colour).save(tmp_path / f'{i}.png')
    return [str(tmp_path / f'{i}.png') for i in range(6)]


def count(sheet, colour):
    """Pixels of exactly one colour."""
    if isinstance(colour, str):
        colour = tuple(int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return int((sheet == colour).all(-1).sum())


def draw(images, correct, indices=((0, 1, 2), ), **options):
    return draw_rank_lists(
        images[:len(indices)], images, np.array(indices), np.array(correct),
        np.full(np.shape(indices), .5), **options)


def test_frames_say_right_and_wrong(images):
    right = draw(images, [[True] * 3])
    assert count(right, RIGHT) > 0
    assert count(right, WRONG) == 0
    all_right = count(right, RIGHT)
    one_wrong = draw(images, [[True, False, True]])
    assert count(one_wrong, RIGHT) * 3 == all_right * 2
    late_error = count(one_wrong, WRONG)
    # A wrong first image marks the row too.
    first_wrong = draw(images, [[False, True, True]])
    assert count(first_wrong, WRONG) > late_error


def test_images_are_where_the_indices_say(images):
    file = draw(images, [[True] * 3], [[1, 1, 3]], size=(32, 64))
    assert count(file, PINK) == 32 * 64  # the query
    assert count(file, BLUE) > 2.5 * 32 * 64
    square = draw(images, [[True]], [[5]], size=(32, 64))
    assert count(square, BLUE) < 32 * 33  # not stretched


def test_short_lists_leave_a_blank(images):
    full = draw(images, [[True, True, False]])
    blank = draw(images, [[True, True, False]], [[0, 1, -1]])
    assert count(full, WRONG) > 0 and count(blank, WRONG) == 0
    assert full.shape == blank.shape


def test_size_grows_with_rows_title_and_notes(images):
    small = draw(images, [[True]], [[0]])
    big = draw(images, [[True]] * 2, [[0], [1]], title='x' * 200,
               query_notes=['id 1\nfirst', 'id 2\nsecond'],
               gallery_notes=['cam'] * 6)
    assert big.shape[0] > 1.8 * small.shape[0]
    assert big.shape[1] > small.shape[1]


def test_three_lines_under_a_query_stay_apart_from_the_next_row(images):
    lists = [[True]] * 2, [[0], [1]]
    two, three = (draw(images, *lists, query_notes=['a\nb' + more] * 2)
                  for more in ('', '\nc'))
    assert three.shape[0] == two.shape[0] + 2 * LINE


def test_long_notes_end_before_the_next_column(images):
    short, long = (
        draw(images, [[True] * 3], gallery_notes=[' ', note, *'    '])
        for note in (' ', 'cam ' + '9' * 90))
    changed = np.flatnonzero((short != long).any((0, 2)))
    step = 80 + 2 * FRAME + GAP
    assert 0.7 * step < np.ptp(changed) <= step


def test_errors_name_the_image(images, tmp_path):
    (tmp_path / '2.png').write_bytes(b'no image')
    with pytest.raises(OSError, match=r'cannot read image .*2\.png'):
        draw(images, [[True] * 3])
    (tmp_path / '1.png').unlink()
    with pytest.raises(OSError, match=r'cannot read image .*1\.png'):
        draw(images, [[True] * 3])
    with pytest.raises(ValueError, match='must have one shape'):
        draw(images, [[True] * 2])
    with pytest.raises(ValueError, match='Nq above 0'):
        draw(images, np.zeros((0, 3)), np.zeros((0, 3), int))


def make_table():
    """Two queries and four gallery images; query 1 has no match."""
    features = np.array([[1, 0], [0, 1], [1, .1], [1, .2], [.2, 1], [0, 1]],
                        np.float32)
    return FeatureTable(
        features=features,
        pids=np.array([1, 2, 1, 3, 3, -1]),
        camids=np.array([0, 0, 1, 1, 1, 1]),
        domain=np.zeros(6, int),
        is_query=np.arange(6) < 2,
        img_path=np.array([f'{i}.png' for i in range(6)]),
        domains=np.array(['shop/one']))


def test_queries_with_a_match_are_drawn(images, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr('mmreidmix.visualization.rank_list.draw_rank_lists',
                        lambda *args, **options: calls.append((args, options)))
    domain_rank_lists(
        make_table(), 'shop/one', topk=4, num=5, root=str(tmp_path))
    (queries, gallery, indices, correct, _), options = calls[0]
    assert queries == [tmp_path / '0.png']
    assert gallery == [tmp_path / f'{i}.png' for i in range(2, 6)]
    assert indices.tolist() == [[0, 1, 2, -1]]  # the junk image is left out
    assert correct.tolist() == [[True, False, False, False]]
    assert options['query_notes'] == ['id 1\ncam 0\nmatch at 1']
    assert '1 of 2 queries' in options['title']


def test_draw_table_writes_one_picture_per_domain(images, tmp_path):
    files = draw_table(make_table(), tmp_path / 'out', ['shop/one'],
                       root=str(tmp_path), num=1)
    assert files == [tmp_path / 'out' / 'shop_one.png']
    with Image.open(files[0]) as image:
        assert count(np.asarray(image), RIGHT) > 0
    with pytest.raises(ValueError, match="no domain 'street'"):
        draw_table(make_table(), tmp_path, ['street'])


def test_tool_draws_from_a_file(images, tmp_path, capsys):
    make_table().save(tmp_path / 'features.npz')
    main = runpy.run_path(str(TOOL))['main']
    main([
        str(tmp_path / 'features.npz'), '--out', str(tmp_path / 'a'),
        '--images', str(tmp_path), '--topk', '3', '--domains', 'shop/one'
    ])
    assert (tmp_path / 'a' / 'shop_one.png').is_file()
    assert 'shop_one.png' in capsys.readouterr().out
    assert main([str(tmp_path / 'features.npz'), '--out', str(tmp_path),
                 '--domains', 'street']) == 2
    assert "rank_lists: no domain 'street'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(['x.npz', '--out', 'y', '--topk', '0'])
    assert '0 is not above 0' in capsys.readouterr().err
