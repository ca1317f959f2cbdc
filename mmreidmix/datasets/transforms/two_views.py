"""An augmented image beside its original."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from mmreidmix.registry import TRANSFORMS


@TRANSFORMS.register_module()
class TwoViews(BaseTransform):
    """Stacks two views of an image: an augmented one and the original.

    Required key: ``img`` (H, W, 3). It becomes (2, h, w, 3): view 0 went
    through ``augmented``, view 1 through ``original``. All other keys stay as
    they are. What both views need, such as a resize, belongs before it.

    Args:
        augmented (Sequence[dict]): transforms of view 0.
        original (Sequence[dict]): transforms of view 1, without chance.

    Raises:
        ValueError: the views differ in size.
    """

    def __init__(self,
                 augmented: Sequence[dict],
                 original: Sequence[dict] = ()):
        self.augmented = Compose(augmented)
        self.original = Compose(original)

    def transform(self, results: dict) -> dict:
        """Replace the image by its views."""
        # A transform may write into its image.
        view = dict(results, img=results['img'].copy())
        augmented = self.augmented(view)['img']
        original = self.original(dict(results))['img']
        if augmented.shape != original.shape:
            raise ValueError(
                f'TwoViews: the augmented view has shape {augmented.shape}, '
                f'the original {original.shape}: let both end in one size')
        return dict(results, img=np.stack([augmented, original]))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(augmented={self.augmented}, '
                f'original={self.original})')
