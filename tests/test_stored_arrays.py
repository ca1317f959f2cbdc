"""Checkpoints give back arrays of numbers and text, and nothing else."""

import pickle

import numpy as np
import pytest
import torch

from mmreidmix.stored_arrays import StoredArray


def saved_and_loaded(content, path):
    torch.save(content, path)
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize('array', [
    np.arange(6.).reshape(2, 3), np.arange(3, dtype='>i4'),
    np.array([True, False]), np.array(['ab', 'c']), np.array([b'x', b'yz']),
    np.array(3, np.uint8), np.zeros((0, 4), np.float16),
    np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    np.array([1 + 2j])], ids=lambda array: str(array.dtype))
def test_arrays_come_back(array, tmp_path):
    found = saved_and_loaded({'a': [array]}, tmp_path / 'a.pth')['a'][0]
    np.testing.assert_array_equal(found, array)
    # NumPy itself turns numbers to the order of the machine.
    assert found.dtype == array.dtype.newbyteorder('=')
    assert found.shape == array.shape
    assert found.flags.f_contiguous == array.flags.f_contiguous
    # Saved again they are plain arrays, for whoever reads them.
    for protocol in (2, 5):
        again = pickle.loads(pickle.dumps(found, protocol))
        assert type(again) is np.ndarray
        np.testing.assert_array_equal(again, array)
    again = saved_and_loaded([found], tmp_path / 'b.pth')[0]
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize('number', [
    np.float64(2.5), np.float32(1e-3), np.int64(-4), np.bool_(True),
    np.str_('text')])
def test_numbers_come_back(number, tmp_path):
    found = saved_and_loaded(number, tmp_path / 'a.pth')
    assert type(found) is type(number) and found == number


class Call:
    """Pickled as a call, with a state to set."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) + (
            () if state is None else (state, ))

    def __reduce__(self):
        return self.parts


F8 = ('f8', False, True)
RECONSTRUCT = np.zeros(1).__reduce__()[0]
SCALAR = np.float64(1).__reduce__()[0]
ATTACKS = dict(
    objects=np.array([None, 1], object),
    buffer=Call(np.ndarray, (1, ), 'O', b'AAAAAAAA'),
    object_type=Call(np.dtype, 'O', False, True),
    structure=np.zeros(2, [('a', 'f8')]),
    dates=np.zeros(2, 'M8[s]'),
    flags=Call(np.dtype, *F8, state=(
        3, '<', None, ('a', ), {'a': (np.dtype('f8'), 0)}, 8, 8, 1)),
    state=Call(RECONSTRUCT, np.ndarray, (0, ), b'b',
               state=(1, (1, ), 'O', False, [7])),
    size=Call(SCALAR, np.dtype('f8'), b'123'),
    number=Call(SCALAR, 'f8', b'12345678'))


@pytest.mark.parametrize('name', ATTACKS)
def test_nothing_else_is_made(name, tmp_path):
    torch.save({'state_dict': {}, 'x': ATTACKS[name]}, tmp_path / 'a.pth')
    with pytest.raises((pickle.UnpicklingError, TypeError, ValueError)):
        torch.load(tmp_path / 'a.pth', weights_only=True)


def test_a_stand_in_takes_no_arguments():
    """The safe loader may be told to call it."""
    assert len(StoredArray()) == 0
    with pytest.raises(TypeError):
        StoredArray((1, ), 'O', b'AAAAAAAA')
