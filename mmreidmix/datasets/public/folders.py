"""Folders of images whose names say who was seen by which camera."""

import re
from collections.abc import Callable, Iterable
from typing import ClassVar, Optional

from mmreidmix.datasets.file_names import iter_entries, parse_names

from ..reid_dataset import BaseReIDDataset, ReIDRecords


def pid_group(match: re.Match) -> int:
    """Identity: the group ``pid``."""
    return int(match['pid'])


def cam_group(match: re.Match) -> int:
    """Camera: the group ``cam``, a number from 1."""
    return int(match['cam']) - 1


class FolderDataset(BaseReIDDataset):
    """A data set whose images lie in folders and follow :attr:`pattern`."""

    #: matched against the whole base name
    pattern: ClassVar[re.Pattern]

    def match_folder(
            self,
            candidates: Iterable[str],
            pattern: Optional[re.Pattern] = None
    ) -> tuple[list[str], list[re.Match]]:
        """List the first folder that is there.

        Args:
            candidates (Iterable[str]): folders below the data root,
                '/'-separated, '.' for the root itself.
            pattern (re.Pattern, optional): in place of :attr:`pattern`.

        Returns:
            tuple: paths relative to the data root, and the match of each
            base name.
        """
        folder = self.find_folder(candidates)
        root = self.data_root / folder
        names = [entry.name for entry in iter_entries(root)]
        matches = parse_names(names, pattern or self.pattern, root)
        prefix = '' if folder == '.' else f'{folder}/'
        return [prefix + name for name in names], matches

    def read_folder(self,
                    candidates: Iterable[str],
                    pid: Callable[[re.Match], int] = pid_group,
                    camid: Callable[[re.Match], int] = cam_group,
                    pattern: Optional[re.Pattern] = None) -> ReIDRecords:
        """Read the first folder that is there.

        Args:
            candidates (Iterable[str]): as for :meth:`match_folder`.
            pid (Callable): identity of a match.
            camid (Callable): zero-based camera of a match.
            pattern (re.Pattern, optional): in place of :attr:`pattern`.
        """
        paths, matches = self.match_folder(candidates, pattern)
        return ReIDRecords.from_columns(paths, list(map(pid, matches)),
                                        list(map(camid, matches)))

    def camids_of(self, cameras: Iterable[str], where: object) -> list[int]:
        """Positions of camera tokens in :attr:`camera_names`.

        Args:
            cameras (Iterable[str]): as :attr:`camera_names` spells them.
            where (object): folder or list file, for the message.

        Raises:
            ValueError: a token is none of the data set's cameras.
        """
        cameras = list(cameras)
        numbers = {name: i for i, name in enumerate(self.camera_names)}
        unknown = sorted(set(cameras) - set(numbers))
        if unknown:
            raise ValueError(
                f'{where}: camera tokens {unknown} are none of {self.name}, '
                f'which has {", ".join(self.camera_names)}; this is another '
                'data set or release')
        return [numbers[camera] for camera in cameras]


def numbered(count: int) -> tuple[str, ...]:
    """Camera names '1' to ``count``."""
    return tuple(str(number) for number in range(1, count + 1))
