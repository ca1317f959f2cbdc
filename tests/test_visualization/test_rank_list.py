import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmreidmix.evaluation import FeatureTable
from mmreidmix.visualization import draw_rank_lists, draw_table
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


def count(file, colour):
    """Pixels of exactly one colour."""
    if isinstance(colour, str):
        colour = tuple(int(colour[i:i + 2], 16) for i in (1, 3, 5))
    with Image.open(file) as image:
        return int((np.asarray(image) == colour).all(-1).sum())


def draw(images, tmp_path, correct, indices=((0, 1, 2), ), **options):
    return draw_rank_lists(
        images[:len(indices)], images, np.array(indices), np.array(correct),
        np.full(np.shape(indices), .5), tmp_path / 'new' / 'sheet.png',
        **options)


def test_frames_say_right_and_wrong(images, tmp_path):
    right = draw(images, tmp_path, [[True] * 3])
    assert count(right, RIGHT) > 0
    assert count(right, WRONG) == 0
    all_right = count(right, RIGHT)
    one_wrong = draw(images, tmp_path, [[True, False, True]])
    assert count(one_wrong, RIGHT) * 3 == all_right * 2
    late_error = count(one_wrong, WRONG)
    # A wrong first image marks the row too.
    first_wrong = draw(images, tmp_path, [[False, True, True]])
    assert count(first_wrong, WRONG) > late_error


def test_images_are_where_the_indices_say(images, tmp_path):
    file = draw(images, tmp_path, [[True] * 3], [[1, 1, 3]], size=(32, 64))
    assert count(file, PINK) == 32 * 64  # the query
    assert count(file, BLUE) > 2.5 * 32 * 64
    square = draw(images, tmp_path, [[True]], [[5]], size=(32, 64))
    assert count(square, BLUE) < 32 * 33  # not stretched


def test_short_lists_leave_a_blank(images, tmp_path):
    full = draw(images, tmp_path / 'a', [[True, True, False]])
    blank = draw(images, tmp_path / 'b', [[True, True, False]], [[0, 1, -1]])
    assert count(full, WRONG) > 0 and count(blank, WRONG) == 0
    with Image.open(full) as a, Image.open(blank) as b:
        assert a.size == b.size


def test_size_grows_with_rows_title_and_notes(images, tmp_path):
    small = draw(images, tmp_path, [[True]], [[0]])
    with Image.open(small) as image:
        small_size = image.size
    big = draw(images, tmp_path, [[True]] * 2, [[0], [1]], title='x' * 200,
               query_notes=['id 1\nfirst', 'id 2\nsecond'],
               gallery_notes=['cam'] * 6)
    with Image.open(big) as image:
        assert image.size[1] > 1.8 * small_size[1]
        assert image.size[0] > small_size[0]


def test_errors_name_the_image(images, tmp_path):
    (tmp_path / '2.png').write_bytes(b'no image')
    with pytest.raises(OSError, match=r'cannot read image .*2\.png'):
        draw(images, tmp_path, [[True] * 3])
    (tmp_path / '1.png').unlink()
    with pytest.raises(OSError, match=r'cannot read image .*1\.png'):
        draw(images, tmp_path, [[True] * 3])
    with pytest.raises(ValueError, match='must have one shape'):
        draw(images, tmp_path, [[True] * 2])
    with pytest.raises(ValueError, match='Nq above 0'):
        draw(images, tmp_path, np.zeros((0, 3)), np.zeros((0, 3), int))


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


def test_draw_table_takes_queries_with_a_match(images, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr('mmreidmix.visualization.rank_list.draw_rank_lists',
                        lambda *args, **options: calls.append((args, options)))
    draw_table(make_table(), tmp_path, topk=4, num=5, root=str(tmp_path))
    (queries, gallery, indices, correct, _, file), options = calls[0]
    assert queries == [tmp_path / '0.png']
    assert gallery == [tmp_path / f'{i}.png' for i in range(2, 6)]
    assert indices.tolist() == [[0, 1, 2, -1]]  # the junk image is left out
    assert correct.tolist() == [[True, False, False, False]]
    assert file == tmp_path / 'shop_one.png'
    assert options['query_notes'] == ['id 1 cam 0\nmatch at 1']
    assert '1 of 2 queries' in options['title']


def test_draw_table_writes_one_picture_per_domain(images, tmp_path):
    files = draw_table(make_table(), tmp_path / 'out', ['shop/one'],
                       root=str(tmp_path), num=1)
    assert files == [tmp_path / 'out' / 'shop_one.png']
    assert count(files[0], RIGHT) > 0
    with pytest.raises(ValueError, match="no domain 'street'"):
        draw_table(make_table(), tmp_path, ['street'])


def test_tool_draws_from_a_file(images, tmp_path, capsys):
    make_table().save(tmp_path / 'features.npz')
    main = runpy.run_path(str(TOOL))['main']
    main([
        str(tmp_path / 'features.npz'), '--out', str(tmp_path / 'a'),
        '--root', str(tmp_path), '--topk', '3', '--domain', 'shop/one'
    ])
    assert (tmp_path / 'a' / 'shop_one.png').is_file()
    assert 'shop_one.png' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(['x.npz', '--out', 'y', '--topk', '0'])
    assert '0 is not above 0' in capsys.readouterr().err
