"""Stored half-precision numbers against the libraries that know them."""
import numpy as np
import torch

from mmreidmix.neighbours.numba_kernels import compiled
from mmreidmix.neighbours.similarity import widen

FLOAT16 = np.arange(2**16, dtype=np.uint16)
BFLOAT16 = FLOAT16.view(np.int16)


@compiled
def _widen_all(values, out):
    for i in range(values.size):
        out[i] = widen(values[i])


def check(values, expected, finite):
    compiled_out = np.empty(values.size, np.float32)
    _widen_all(values, compiled_out)
    assert np.array_equal(compiled_out[finite], expected[finite])
    some = np.flatnonzero(finite)[::97]
    assert [widen(values[i]) for i in some] == expected[some].tolist()


def test_every_float16():
    expected = FLOAT16.view(np.float16).astype(np.float32)
    check(FLOAT16, expected, np.isfinite(expected))


def test_every_bfloat16():
    expected = torch.from_numpy(BFLOAT16.copy()).view(
        torch.bfloat16).float().numpy()
    check(BFLOAT16, expected, np.isfinite(expected))


def test_float32_stays():
    values = np.float32([0.1, -3, 1e30])
    check(values, values, np.ones(3, bool))
