import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.evaluation.functional.reassociation import (
    needed_boxes,
    reassociate,
)


def draw(seed, people=6, frames=200, dim=8):
    rng = np.random.default_rng(seed)
    seen = np.argwhere(rng.random((frames, people)) < 0.7)
    centres = rng.standard_normal((people, dim))
    rows = centres[seen[:, 1]] + rng.standard_normal((len(seen), dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows, seen[:, 0] + 1, seen[:, 1]


def by_definition(rows, frames, tracks, gap, stride):
    """Rank 1, MRR, queries and those left out, box by box."""
    first, reciprocal, skipped = [], [], 0
    for i in range(len(rows)):
        if frames[i] % stride:
            continue
        there = [j for j in range(len(rows)) if frames[j] == frames[i] + gap]
        same = [j for j in there if tracks[j] == tracks[i]]
        if len(there) < 2 or not same:
            skipped += 1
            continue
        order = sorted(there, key=lambda j: -(rows[i] @ rows[j]))
        place = order.index(same[0])
        first.append(place == 0)
        reciprocal.append(1 / (place + 1))
    return np.mean(first), np.mean(reciprocal), len(first), skipped


@pytest.mark.parametrize('gap, stride', [(30, 60), (1, 1), (7, 3), (50, 20)])
def test_against_the_definition(gap, stride):
    data = draw(gap)
    found = reassociate(*data, gap, stride)
    rank1, mrr, queries, skipped = by_definition(*data, gap, stride)
    assert found.rank1 == pytest.approx(rank1)
    assert found.mrr == pytest.approx(mrr)
    assert found.queries == queries
    assert skipped == (
        found.no_later_frame + found.one_candidate + found.not_there)


@given(st.integers(0, 10**6))
def test_the_order_of_boxes_is_nothing(seed):
    data = draw(seed, frames=40)
    order = np.random.default_rng(seed).permutation(len(data[0]))
    shuffled = [values[order] for values in data]
    one, other = reassociate(*data, 3, 5), reassociate(*shuffled, 3, 5)
    assert one.queries == other.queries and one.rank1 == other.rank1
    assert one.mrr == pytest.approx(other.mrr)


def test_by_hand():
    """Frame 2: a and b; frame 3: both, with the embeddings of each other."""
    x, y = np.eye(2)
    frames, tracks = np.array([2, 2, 3, 3]), np.array([4, 7, 4, 7])
    good = reassociate(np.array([x, y, x, y]), frames, tracks, 1, 2)
    assert (good.rank1, good.mrr, good.queries, good.candidates) == (
        1, 1, 2, 2)
    bad = reassociate(np.array([x, y, y, x]), frames, tracks, 1, 2)
    assert (bad.rank1, bad.mrr) == (0, 0.5)


def test_equal_embeddings_are_no_success():
    found = reassociate(np.ones((4, 1)), np.array([2, 2, 3, 3]),
                        np.array([4, 7, 4, 7]), 1, 2)
    assert (found.rank1, found.mrr) == (0, 0.5)


def test_queries_that_are_left_out():
    """Frame 2: one later; 4: two, one absent; 6: nobody; unknown: nowhere."""
    frames = np.array([2, 3, 4, 4, 5, 5, 6, 6])
    tracks = np.array([1, 1, 1, 2, 1, 3, 1, -1])
    found = reassociate(np.eye(8), frames, tracks, 1, 2)
    assert (found.queries, found.one_candidate, found.not_there,
            found.no_later_frame) == (1, 1, 1, 1)


def test_boxes_that_are_needed_are_enough():
    rows, frames, tracks = draw(3)
    needed = needed_boxes(frames, 30, 60)
    assert 0 < needed.sum() < len(rows) / 10
    assert reassociate(rows[needed], frames[needed], tracks[needed]) == (
        reassociate(rows, frames, tracks))


@pytest.mark.parametrize('frames, tracks, options, message', [
    ([2, 2, 3], [1, 1, 1], (1, 2), 'track 1 has 2 boxes in frame 2'),
    ([1, 3, 5], [1, 2, 3], (1, 2), 'divisible by 2 is seen 1 frames later'),
    ([2, 3, 3], [-1, 1, 2], (1, 2), 'no person'),
    ([2, 3, 3], [1, 1, 2], (0, 2), 'gap must be an integer of at least 1'),
    ([2, 3, 3], [1, 1, 2], (1, 0), 'stride must be an integer')])
def test_what_can_not_be_scored(frames, tracks, options, message):
    with pytest.raises(ValueError, match=message):
        reassociate(np.eye(3), np.array(frames), np.array(tracks), *options)


def test_like_roboflow():
    """The same figures as their package, in percent."""
    from mmreidmix.compat import ensure_torchvision
    ensure_torchvision()
    reid = pytest.importorskip('reid')
    rows, frames, tracks = draw(5)
    names = [f's_{track}/s_{frame:06d}.jpg'
             for frame, track in zip(frames, tracks)]
    protocol = reid.ReassociationProtocol()
    query, gallery, mask, facts = protocol.build_query_gallery(reid.ReIDSplit(
        names, tracks.astype(np.int32), np.zeros(len(rows), np.int32)))
    place = {name: row for row, name in enumerate(names)}
    scores = reid.eval.metrics._compute_reid_metrics(
        1 - (rows[[place[name] for name in query.image_paths]]
             @ rows[[place[name] for name in gallery.image_paths]].T),
        query.pids, gallery.pids, query.camids, gallery.camids,
        candidate_mask=mask, exclude_same_pid_camid=False)
    theirs = protocol.metric_values(scores)
    ours = reassociate(rows, frames, tracks)
    assert theirs['rank1'] == pytest.approx(100 * ours.rank1)
    assert theirs['mrr'] == pytest.approx(100 * ours.mrr)
    assert facts['num_query_crops'] == ours.queries
    assert facts['mean_candidates'] == pytest.approx(ours.candidates)
    assert facts['skipped_absent_positive'] == ours.not_there
    assert facts['skipped_missing_future'] == ours.no_later_frame
