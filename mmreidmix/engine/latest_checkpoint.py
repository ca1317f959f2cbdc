"""The checkpoint that an interrupted training goes on from."""

import re
from pathlib import Path
from typing import Optional, Union

from mmreidmix.checkpoint_file import read_checkpoint

_NUMBERED = re.compile(r'(epoch|iter)_(\d+)\.pth')


def latest_checkpoint(work_dir: Union[str, Path]) -> Optional[str]:
    """Find the last checkpoint of a work dir, also of a copied one.

    MMEngine's file ``last_checkpoint`` holds a path, which is that of the
    first folder after a copy. Its name counts here; where it names no file of
    the folder, the checkpoint of the most iterations does.

    Returns:
        str, optional: path; None where there is no checkpoint.
    """
    work_dir = Path(work_dir)
    pointer = work_dir / 'last_checkpoint'
    text = pointer.read_text(encoding='utf-8') if pointer.is_file() else ''
    # Written by Windows too.
    named = work_dir / re.split(r'[\\/]', text.strip())[-1]
    if named.is_file() and named.suffix == '.pth':
        return str(named)
    numbered = {str(path): match for path in work_dir.glob('*.pth')
                if (match := _NUMBERED.fullmatch(path.name))}
    if len({match[1] for match in numbered.values()}) > 1:
        # Epochs and iterations: what they are is in the files.
        return max(numbered, key=_iterations)
    return max(numbered, key=lambda path: int(numbered[path][2]), default=None)


def _iterations(path: str) -> int:
    return read_checkpoint(path, mmap=True)['meta']['iter']
