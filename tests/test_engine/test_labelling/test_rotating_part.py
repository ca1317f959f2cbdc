import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.engine.labelling.rotating_part import (
    number_of_parts,
    rotating_part,
)


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=60),
       st.integers(1, 70), st.integers(0, 3), st.integers(0, 9))
def test_each_image_has_its_turn_once_in_a_round(tracks, most, turns, seed):
    tracks = np.array(tracks)
    parts = number_of_parts(len(tracks), most)
    taken = [rotating_part(tracks, most, turns * parts + part, seed)
             for part in range(parts)]
    together = np.concatenate(taken)
    assert sorted(together) == list(range(len(tracks)))
    longest = np.unique(tracks[tracks >= 0], return_counts=True)[1].max(
        initial=1)
    assert max(map(len, taken)) <= most + longest - 1
    for track in set(tracks[tracks >= 0]):
        assert sum((tracks[part] == track).any() for part in taken) == 1


def test_parts_of_single_images_are_of_equal_size():
    sizes = {len(rotating_part(np.full(100, -1), 30, turn, 0))
             for turn in range(8)}
    assert number_of_parts(100, 30) == 4
    assert sizes == {25}


@pytest.mark.parametrize('seed,turn', [(1, 0), (0, 4)])
def test_other_seeds_and_rounds_cut_otherwise(seed, turn):
    tracks = np.full(100, -1)
    first = rotating_part(tracks, 30, 0, 0)
    np.testing.assert_array_equal(first, rotating_part(tracks, 30, 0, 0))
    assert first.tolist() != rotating_part(tracks, 30, turn, seed).tolist()
