"""Labels of processes that hold parts of the images equal those of one."""

import numpy as np
import pytest

from mmreidmix.neighbours import k_reciprocal_encoding, knn
from mmreidmix.pseudo_labels import JaccardDBSCAN, dbscan, jaccard_graph
from mmreidmix.sharded import label_together
from tests.test_sharded.worker import CASES, dense
from tests.tiny import run_processes


@pytest.fixture(scope='module', params=[2, 3])
def found(request, tmp_path_factory):
    """By the name of a case, what each process has written."""
    folder = tmp_path_factory.mktemp('workers')
    run_processes(request.param, '-m', 'tests.test_sharded.worker', folder)

    def read(name):
        return [dict(np.load(folder / f'{name}{rank}.npz'))
                for rank in range(request.param)]

    return read


@pytest.mark.parametrize('name', CASES)
def test_each_stage_is_that_of_one_process(found, name):
    features, options = CASES[name]
    k1, k2 = options['k1'], options['k2']
    lists = knn(features, max(k1, k2))
    encoding = k_reciprocal_encoding(*lists, features, k1, k2)
    graph = jaccard_graph(encoding, 0.6)
    expected = dict(indices=lists[0], sims=lists[1],
                    encoding=encoding.toarray(), graph=dense(graph))
    parts = found(name)
    for key, value in expected.items():
        np.testing.assert_array_equal(
            np.concatenate([part[key] for part in parts]), value, err_msg=key)
    for part in parts:
        np.testing.assert_array_equal(part['dbscan'], dbscan(graph, 0.6, 3))


@pytest.mark.parametrize('name', CASES)
def test_labels_are_those_of_one_process(found, name):
    features, options = CASES[name]
    expected = JaccardDBSCAN(**options)(features)
    for part in found(name):
        np.testing.assert_array_equal(part['labels'], expected.labels)
        np.testing.assert_array_equal(part['clusters'], expected.clusters)


@pytest.mark.parametrize('name, dimensions', [('subspace', 16),
                                              ('outlier', 64)])
def test_dimensions_that_all_processes_agree_on(found, name, dimensions):
    assert [int(part['dimensions']) for part in found(name)] == [
        dimensions] * len(found(name))


def test_rows_reach_those_who_need_them(found):
    parts = found('exchange')
    num = len(parts)
    for rank, part in enumerate(parts):
        assert part['sent'].tolist() == [
            10 * source + rank for source in range(num)
            for _ in range(rank + source)]
        assert part['passed'].tolist() == [(rank - 1) % num] * 3
        assert part['fetched'].tolist() == list(
            range(0, sum(range(2, num + 2)), 2))
        assert (part['halves'] == part['fetched'] / 2).all()


def test_collapsed_features_stop_all_processes(found):
    for part in found('exchange'):
        assert str(part['collapsed']).startswith(
            'more than max_pairs=2000 of the pairs of 400 images')


def test_one_process_alone():
    features, options = CASES['persons']
    expected = JaccardDBSCAN(**options)(features)
    np.testing.assert_array_equal(
        label_together(JaccardDBSCAN(**options), features).labels,
        expected.labels)
    assert expected.labels.max() > 20


@pytest.mark.parametrize('options, message', [
    (dict(backend='hnsw'), "backend='hnsw' searches in one process"),
    (dict(k1_intra=3), 'k1_intra searches in one process')])
def test_what_can_not_be_shared(options, message):
    with pytest.raises(ValueError, match=message):
        label_together(JaccardDBSCAN(**options), CASES['few'][0])
