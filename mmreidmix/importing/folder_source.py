"""Images of a folder, with or without a pattern for their names."""

from pathlib import Path
from typing import Optional

from mmreidmix.datasets.file_names import images_below

from .image_rows import ImageRows
from .name_pattern import propose, read_names

#: Word for "no pattern": the images have no labels, their folders say nothing.
NO_PATTERN = 'none'


def read_folder(folder: Path,
                pattern: Optional[str]) -> tuple[ImageRows, str]:
    """List the images below a folder and read their names.

    Args:
        folder (Path): looked through at any depth.
        pattern (str, optional): see :func:`read_names`; 'none' reads no
            labels from the names. None: a pattern is proposed.

    Returns:
        tuple[ImageRows, str]: the images; what was left out, '' for nothing.

    Raises:
        ValueError: there is no image, the pattern does not fit, or none was
            given: then the message proposes one.
    """
    names, skipped = images_below(folder)
    if not names:
        raise ValueError(f'{folder} has no image. Left out: '
                         f'{skipped or "nothing"}')
    if pattern is None:
        raise ValueError(proposal_text(folder, names))
    fields = {} if pattern == NO_PATTERN else read_names(names, pattern)
    return ImageRows(
        names, fields, lambda row: str(folder / names[row])), skipped


def proposal_text(folder: Path, names: list[str]) -> str:
    """What to type, by the names of the images."""
    some = '\n'.join(f'  {name}' for name in names[:3])
    head = (f'{folder} has {len(names):,} images. Say by --pattern what their '
            f'names tell. The first are:\n{some}\n')
    found = propose(names)
    if found is None:
        return head + (
            'No usual pattern fits all of them. Write one of {pid}, {camid}, '
            '{tracklet}, {time}, {subset} and {any}, such as '
            "--pattern '{pid}/{camid}_{any}', or --pattern none where the "
            'names do not say who is seen')
    return head + (
        f'They would fit --pattern {found.pattern!r}: {found.num_pids:,} '
        f'people, {found.num_cams:,} cameras, {found.across:,} people seen by '
        'two cameras or more. Give this pattern if that is right, another '
        'one, or --pattern none where the names do not say who is seen')
