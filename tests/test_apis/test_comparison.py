"""Tests of mmreidmix.apis.comparison."""

import pytest

from mmreidmix.apis.comparison import decide
from tests.test_apis.conftest import THRESHOLDS


@pytest.mark.parametrize('score, fmr, same, certain, strictest', [
    (0.39, None, False, True, None),
    (0.45, None, False, False, None),
    (0.5, None, True, False, 0.01),
    (0.6, 0.01, True, True, 0.01),
    (0.75, 0.001, False, False, 0.01),
    (0.95, 0.001, True, False, 0.001),  # calibrated on too few
])
def test_decisions(score, fmr, same, certain, strictest):
    found = decide(score, THRESHOLDS, fmr)
    assert (found.same, found.certain) == (same, certain)
    assert found.strictest_fmr == strictest
    assert found.fmr == (fmr or 0.01)


@pytest.mark.parametrize('stored', [None, {}, dict(thresholds=[])])
def test_without_calibration(stored):
    with pytest.raises(ValueError, match='no calibrated threshold: run'):
        decide(0.5, stored)
