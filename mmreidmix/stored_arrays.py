"""NumPy arrays and numbers out of checkpoints, without NumPy's own unpickling.

A pickle may tell ``numpy.ndarray`` and ``numpy.dtype`` to make arrays of
objects at addresses of its choice: the process ends, or worse. The classes
here stand in for them in torch's safe loader. They make arrays of numbers and
text out of bytes, and nothing else.
"""

import re
from pickle import UnpicklingError
from typing import Any

import numpy as np

_CODE = re.compile(r'[biufcSU]\d{1,8}')


class StoredDtype:
    """Type and byte order of an array, as a pickle names them.

    Args:
        code (str): kind and bytes of an entry, such as 'f8' or 'U7'.
        *flags: as ``numpy.dtype``; not used.
    """

    def __init__(self, code: str, *flags: Any):
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise UnpicklingError(f'arrays of type {code!r} are not read')
        self.code, self.order = code, '='

    def __setstate__(self, state: tuple) -> None:
        _, order, *structure = state[:5]
        if order not in ('<', '>', '|', '=') or any(
                part is not None for part in structure):
            raise UnpicklingError('structured arrays are not read')
        self.order = order

    def dtype(self) -> np.dtype:
        """The type itself."""
        return np.dtype(self.order + self.code)


class StoredArray(np.ndarray):
    """An array out of a checkpoint; it is saved as any other array."""

    def __new__(cls) -> 'StoredArray':
        """Make an empty one; the loader may be told to call it."""
        return super().__new__(cls, (0, ), np.int8)

    def __setstate__(self, state: tuple) -> None:
        _, shape, stored, fortran, content = state
        if not isinstance(stored, StoredDtype) or (
                not isinstance(content, bytes)):
            raise UnpicklingError('an array that is no bytes is not read')
        super().__setstate__(
            (1, shape, stored.dtype(), bool(fortran), content))

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return np.asarray(self).__reduce_ex__(protocol)


def _reconstruct(*_: Any) -> StoredArray:
    return StoredArray()


def _scalar(stored: StoredDtype, content: bytes) -> Any:
    if not isinstance(stored, StoredDtype) or not isinstance(content, bytes):
        raise UnpicklingError('a number that is no bytes is not read')
    dtype = stored.dtype()
    if len(content) != dtype.itemsize:
        raise UnpicklingError(f'a number of type {dtype} has {dtype.itemsize} '
                              f'bytes, got {len(content)}')
    return np.frombuffer(content, dtype)[0]


def _no_bytes() -> bytes:
    return b''


#: What stands in for what, for ``torch.serialization.add_safe_globals``.
STAND_INS = [(StoredArray, 'numpy.ndarray'), (StoredDtype, 'numpy.dtype')] + [
    (stand_in, f'numpy.{core}.multiarray.{name}')
    for core in ('_core', 'core')
    for stand_in, name in ((_reconstruct, '_reconstruct'),
                           (_scalar, 'scalar'))
] + [(_no_bytes, f'{builtins}.bytes')
     for builtins in ('builtins', '__builtin__')]
