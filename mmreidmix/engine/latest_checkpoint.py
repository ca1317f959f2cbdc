"""The checkpoint that an interrupted training goes on from."""

import re
from pathlib import Path
from typing import Optional, Union

_NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


def latest_checkpoint(work_dir: Union[str, Path]) -> Optional[str]:
    """Find the last checkpoint of a work dir, also of a copied one.

    MMEngine's file ``last_checkpoint`` holds a path, which is that of the
    first folder after a copy. Its name counts here; where it names no file of
    the folder, the highest number among the checkpoints does.

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
    numbered = [(int(match[1]), str(path)) for path in work_dir.glob('*.pth')
                if (match := _NUMBERED.fullmatch(path.name))]
    return max(numbered)[1] if numbered else None
