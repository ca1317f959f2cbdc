import pytest

from mmreidmix.results.start_row import is_lower, start_to_end


@pytest.mark.parametrize('metric, score, start, lower', [
    ('mAP', .409, .410, True),
    ('mAP', .4101, .4099, False),
    ('mAP', .4099, .4101, False),  # a table shows 41.0 for both
    ('rank-1', .2, .3, True),
    ('TPR@FPR=0.001', .2, .3, True),
    ('EER', .2, .3, False),  # less is better
    ('queries', 2, 3, False),
    ('mAP', None, .3, False),
])
def test_lower(metric, score, start, lower):
    assert is_lower(metric, score, start) == lower


def test_start_to_end():
    start = {'shop/mAP': .41, 'shop/rank-1': .62, 'shop/queries': 9,
             'mall/mAP': .5, 'mall/rank-1': .6,
             'grid-0/mAP': .1, 'grid-1/mAP': .3, 'grid/mAP': .2,
             'grid/splits': 2}
    end = {**start, 'shop/mAP': .529, 'shop/rank-1': .717, 'mall/mAP': .49}
    assert start_to_end(start, end) == [
        ('shop: mAP 41.0 -> 52.9, R1 62.0 -> 71.7', False),
        ('mall: mAP 50.0 -> 49.0, R1 60.0 -> 60.0', True),
        ('grid: mAP 20.0 -> 20.0', False),
    ]
