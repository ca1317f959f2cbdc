"""The last transform: from a dictionary to what the model takes."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmreidmix.registry import TRANSFORMS
from mmreidmix.structures import ReIDDataSample


@TRANSFORMS.register_module()
class PackReIDInputs(BaseTransform):
    """Turn an image and its labels into ``inputs`` and ``data_samples``.

    Required key: ``img`` (H, W, 3), or (V, H, W, 3) in V views, uint8, BGR.
    Added: ``inputs``, a (3, H, W) or (V, 3, H, W) uint8 tensor (the data
    preprocessor normalises it, which is four times less to copy than
    floats), and ``data_samples``, a :class:`ReIDDataSample` with the keys of
    ``META_KEYS``.
    """

    META_KEYS = ('img_path', 'index', 'pid', 'camid', 'tracklet', 'domain',
                 'subset')

    def transform(self, results: dict) -> dict:
        """Pack one sample."""
        image = np.ascontiguousarray(np.moveaxis(results['img'], -1, -3))
        sample = ReIDDataSample(
            metainfo={key: results[key]
                      for key in self.META_KEYS})
        return dict(inputs=torch.from_numpy(image), data_samples=sample)
