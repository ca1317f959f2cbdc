"""Checkpoints read from disk: tensors and plain values, nothing that runs."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

import torch

from mmreidmix.compat import prepare

prepare()


def read_checkpoint(path: Union[str, Path], map_location: Any = 'cpu',
                    **options: Any) -> dict:
    """Read a checkpoint.

    Args:
        path (str | Path): the file.
        map_location (Any): of ``torch.load``.
        **options: others of ``torch.load``, such as ``mmap``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no checkpoint, or holds other objects.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no file {path}; expected a checkpoint')
    try:
        content = torch.load(
            path, map_location=map_location, weights_only=True, **options)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # torch has no error of its own for this
        # Torch's text advises to load what may run code.
        raise ValueError(
            f'{path} can not be read as a checkpoint of tensors and plain '
            f'values: {_fault(Path(path), str(error))}') from None
    if not isinstance(content, Mapping):
        raise ValueError(f'{path} holds a {type(content).__name__}, expected '
                         'a checkpoint: a dict with `state_dict` and `meta`')
    return content


def _fault(path: Path, error: str) -> str:
    with open(path, 'rb') as file:
        head = file.read(512).lstrip()
    if not path.stat().st_size:
        return 'it is empty; fetch it again'
    if head.startswith(b'<'):
        return ('it is a web page; the address leads to a page around the '
                'file, or asks to sign in')
    if head.startswith(b'version https://git-lfs'):
        return 'it is a pointer of Git LFS; `git lfs pull` fetches the file'
    if head.startswith(b'PK'):
        try:
            names = zipfile.ZipFile(path).namelist()
        except Exception:  # zipfile fails in many ways, by what is damaged
            return 'it is cut short or damaged; fetch or copy it again'
        if any('/code/' in name for name in names):
            return ('it is a TorchScript archive, which holds a program; save '
                    'the state_dict() of the module')
        if any(name.endswith('/archive_format') for name in names):
            return ('it is a program of torch.export, which could run code; '
                    'give the checkpoint that it was exported from; or to '
                    "ReIDInferencer backend='torch.export', if you trust it")
    found = re.search(r'GLOBAL (\S+) was not an allowed', error)
    if found:
        return (f'it holds objects of {found[1]}, which could run code; save '
                'the state_dict() and plain values')
    found = re.search(r'WeightsUnpickler error: (.+)', error)
    return f'it is none, or damaged ({found[1]})' if found and (
        'weights_only' not in found[1]) else 'it is none, or damaged'
