import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmreidmix.engine.labelling.video_draw import VideoDraw, VideoIndex


def run(draw, per_video):
    """Images of each round, where every video gives so many identities."""
    rounds = []
    images = draw.next_round()
    while len(images):
        rounds.append(images)
        draw.found += per_video * len(np.unique(VIDEOS[images]))
        images = draw.next_round()
    return rounds


VIDEOS = np.random.default_rng(0).permutation(np.repeat(np.arange(40), 5))


def build(need, max_images=None, seed=0):
    return VideoDraw(VideoIndex(VIDEOS), need, max_images,
                     np.random.default_rng(seed))


def test_images_of_videos():
    index = VideoIndex(np.array([7, 3, 7, 9, 3]))
    assert index.numbers.tolist() == [3, 7, 9]
    assert index.sizes.tolist() == [2, 2, 1]
    assert index.images(np.array([1, 2])).tolist() == [0, 2, 3]
    assert index.images(np.array([], int)).tolist() == []


def test_summary():
    index = VideoIndex(np.repeat([7, 3, 9, 1], [1500, 2, 1, 1]))
    assert index.summary() == (
        '4 videos of 1 to 1,500 images, 2 of a single image, which can not '
        'be clustered')
    assert len(index) == 4


def test_summary_of_a_domain_without_videos():
    text = VideoIndex(np.zeros(5, int)).summary()
    assert text.startswith('1 videos of 5 to 5 images, 0 of a single image')
    assert text.endswith('; all images count as one video')


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 150), st.integers(0, 6),
       st.one_of(st.none(), st.integers(1, 250)), st.integers(0, 9))
def test_whole_videos_each_once_until_it_is_enough(need, per_video, cap,
                                                   seed):
    draw = build(need, cap, seed)
    images = np.concatenate([*run(draw, per_video), np.zeros(0, int)])
    assert len(images) == len(set(images.tolist()))
    drawn = np.unique(VIDEOS[images])
    assert len(images) == 5 * len(drawn) == 5 * draw.drawn
    assert cap is None or len(images) <= max(cap, 5)
    enough = per_video * len(drawn) >= need
    if draw.reason == 'the need of the epoch is met':
        assert enough
    elif draw.reason == 'max_images is reached':
        assert len(images) == max(5, cap // 5 * 5)
    else:
        assert not enough and len(drawn) == 40


def test_few_rounds_and_few_videos_in_vain():
    rounds = run(build(30), 2)
    assert len(rounds) <= 3
    assert 15 <= sum(map(len, rounds)) // 5 <= 18


def test_the_generator_decides():
    first = [run(build(12, seed=s), 2)[0].tolist() for s in (0, 0, 1)]
    assert first[0] == first[1] != first[2]


@pytest.mark.parametrize('need,reason', [
    (0, 'the need of the epoch is met'), (500, 'there are no more videos')
])
def test_reason(need, reason):
    draw = build(need)
    run(draw, 1)
    assert draw.reason == reason
