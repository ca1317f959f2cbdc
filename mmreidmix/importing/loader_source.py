"""Images of a data set that has a loader, such as Market1501."""

from collections.abc import Mapping
from pathlib import Path

from mmreidmix.checks import name_some
from mmreidmix.datasets import BaseReIDDataset
from mmreidmix.datasets.reid_dataset import PARTS
from mmreidmix.registry import DATASETS

from .image_rows import ImageRows


def read_loader(domain: Mapping, name: str) -> tuple[ImageRows, Path]:
    """All subsets of a data set; its junk is left out.

    Args:
        domain (Mapping): config of the data set, without ``subset``.
        name (str): of the new domain.

    Returns:
        tuple[ImageRows, Path]: the images, the folder they are relative to.

    Raises:
        FileNotFoundError, ValueError: as the loader does, where no subset can
            be read; it is a packed domain.
    """
    parts: list[BaseReIDDataset] = []
    failed = []
    kind = DATASETS.get(domain['type'])
    for subset in PARTS:
        if subset not in kind.subsets:
            continue
        try:
            # Under a name of its own counts may be others.
            parts.append(DATASETS.build(
                dict(dict(name=name), **domain, subset=subset)))
        except (FileNotFoundError, ValueError) as error:
            failed.append(error)
    if not parts:
        raise failed[0]
    if failed:
        name = parts[0].name
        raise ValueError(f'{name}: a part of it can not be read, '
                         f'{name_some([str(failed[0])], 1)}')
    first = parts[0].image_path(0)
    if not Path(first).is_file():
        raise ValueError(f'{domain["data_root"]} is packed already: use it as '
                         'it is')
    return _rows_of(parts), parts[0].data_root


def _rows_of(parts: list[BaseReIDDataset]) -> ImageRows:
    paths = [part.records.path(i) for part in parts for i in range(len(part))]
    fields = dict(
        subset=[part.subset for part in parts for _ in range(len(part))],
        pid=[str(pid) for part in parts for pid in part.records.pids.tolist()],
        camid=[part.camera_names[camid] for part in parts
               for camid in part.records.camids.tolist()],
        tracklet=['' if number < 0 else str(number) for part in parts
                  for number in part.records.tracklets.tolist()],
        flag=['distractor' if pid in part.distractor_pids else ''
              for part in parts for pid in part.records.pids.tolist()])
    return ImageRows(paths, fields, lambda row: paths[row])
