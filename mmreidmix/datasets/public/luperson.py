"""LUPerson (Fu et al., CVPR 2021), unlabelled street video."""

from typing import Optional

from mmreidmix.checks import check_choice
from mmreidmix.datasets.video.folder_scan import TreeScan
from mmreidmix.datasets.video.video_numbers import (
    TooShallowError,
    VideoNumbers,
)
from mmreidmix.datasets.video.video_tree import VideoTree
from mmreidmix.registry import DATASETS

# country, city and video are the first three fields of a key
_KEYS = (r'(?:.*/)?(?P<video>\d{2}_\d{2}_\d{4})_\d{8}\.[A-Za-z]+')


@DATASETS.register_module()
class LUPerson(VideoTree):
    """LUPerson, about 4 million images of 46 thousand videos, no labels.

    The published extraction writes ``country/city/<frame>_<detection>.jpg``:
    the video is lost, and crops of two videos of a city with the same name
    overwrite each other. Such a tree is refused, for images of one video can
    not be told from those of another. Extract with the video as one more
    folder, or give `listing`.

    Identities that some copies carry are pseudo labels, not read here.

    Args:
        data_root (str | Path): Folder of the countries, or of the keys.
        subset (str): 'train' or 'all', which is the same.
        name (str): Name in results; say which part of LUPerson it is.
        layout (str): 'tree' is
            ``country/city/video/<frame>_<detection>.jpg``; 'keys' are base
            names that begin as the keys of the LMDB,
            ``<country>_<city>_<video>_<image>``, in any folder.
        listing (str, optional): File of `data_root` with lines
            ``path <tab> video``, in place of `layout`.
        **kwargs: See :class:`VideoTree`.

    Raises:
        ValueError: Also if the video of the images cannot be told.
    """

    tree = '''
  <country>/<city>/<video>/<frame>_<detection>.jpg
or, with layout='keys':
  <country>_<city>_<video>_<image>.jpg          e.g. 01_02_0003_00000004.jpg
'''
    obtain = ('the repository DengpanFu/LUPerson (video list and boxes; '
              'research only)')
    toy_layout = None
    canonical_name = 'luperson'

    def __init__(self,
                 data_root,
                 subset: str = 'train',
                 *,
                 name: str = 'luperson',
                 layout: str = 'tree',
                 listing: Optional[str] = None,
                 **kwargs):
        check_choice(self, ('tree', 'keys'), layout=layout)
        if listing is not None:
            video = dict(listing=listing)
        elif layout == 'tree':
            video = dict(video_parts=3)
        else:
            video = dict(pattern=_KEYS)
        super().__init__(data_root, subset, name=name, **video, **kwargs)

    def number_videos(self, scan: TreeScan) -> VideoNumbers:
        """Tell what to do where the video is lost."""
        try:
            return super().number_videos(scan)
        except TooShallowError as error:
            raise TooShallowError(
                f'{error}. If they are <country>/<city>/<image>, as the '
                'published extraction writes them, their videos are lost. '
                'Extract them again with the name of the video as one more '
                'folder (country/city/video/<frame>_<detection>.jpg), or give '
                '`listing`, a file with lines "path <tab> video"') from error
