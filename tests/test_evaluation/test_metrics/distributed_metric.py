"""One of two gloo processes; writes what ReIDMetric returned to a file."""

import json
import sys
from pathlib import Path

import torch
from test_retrieval_metric import evaluate, make_samples

from mmreidmix.compat import init_cpu_process_group
from mmreidmix.distributed import gather_rows


def check_gather_rows(rank):
    mine = torch.arange(2 * (rank + 1)).reshape(-1, 2) + 10 * rank
    expected = [[0, 1], [10, 11], [12, 13]]
    assert gather_rows(mine).tolist() == expected
    empty = mine if rank else torch.zeros(0, 7, dtype=mine.dtype)
    assert gather_rows(empty).tolist() == expected[1:]
    assert gather_rows(mine[:0]).shape == (0, 2)
    try:
        gather_rows(torch.zeros(3, 4 + rank))
    except ValueError as error:
        assert 'rows of different shapes' in str(error)
    else:
        raise AssertionError('different shapes were gathered')


def score_uneven(rank, folder):
    samples = make_samples()
    padded = samples + samples[:2]
    share = padded[:50] if rank == 0 else padded[50:]
    return evaluate(
        share,
        size=len(samples),
        save_features=str(folder / 'features.npz'))


def score_idle(rank):
    samples = make_samples()
    return evaluate(samples if rank else [], size=len(samples))


def fail_with_one_camera(rank):
    samples = make_samples()[rank::2]
    for sample in samples:
        sample.set_metainfo({'camid': 0})
    try:
        evaluate(samples)
    except ValueError as error:
        return str(error)
    raise AssertionError('one camera was accepted')


def main(folder):
    init_cpu_process_group('pytorch')
    rank = torch.distributed.get_rank()
    check_gather_rows(rank)
    results = {
        'uneven': score_uneven(rank, folder),
        'idle': score_idle(rank),
        'error': fail_with_one_camera(rank)
    }
    for name, result in results.items():
        (folder / f'{name}{rank}.json').write_text(json.dumps(result))
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    from mmengine.registry import DefaultScope
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    main(Path(sys.argv[1]))
