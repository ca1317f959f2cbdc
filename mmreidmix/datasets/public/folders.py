"""One folder of images whose names say everything."""

import re

from mmreidmix.datasets.file_names import list_names, parse_names

from ..reid_dataset import BaseReIDDataset


def read_folder(dataset: BaseReIDDataset, folder: str,
                pattern: re.Pattern) -> tuple[list[str], list[re.Match]]:
    """Read the names in a folder of a data set.

    Args:
        dataset (BaseReIDDataset): Whose ``data_root`` the folder is below.
        folder (str): '/'-separated, '.' for the root itself.
        pattern (re.Pattern): Must match each whole base name.

    Returns:
        tuple: Paths relative to the data root, and the match of each.

    Raises:
        ValueError: If names do not match.
    """
    root = dataset.data_root / folder
    names = list_names(root)
    matches = parse_names(names, pattern, root)
    prefix = '' if folder == '.' else f'{folder}/'
    return [prefix + name for name in names], matches
