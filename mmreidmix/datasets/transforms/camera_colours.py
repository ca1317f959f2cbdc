"""Colours of an image as another camera would show them."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmreidmix.checks import check_at_least, check_between
from mmreidmix.registry import TRANSFORMS

# Luma of BGR, ITU-R BT.601.
_GREY = np.array([0.114, 0.587, 0.299])


@TRANSFORMS.register_module()
class CameraColours(BaseTransform):
    """Changes colours as from camera to camera, in one linear map.

    Exposure (brightness), contrast around the mean grey of the image,
    saturation, and white balance (a gain for each channel): factors drawn
    evenly from ``1 - r`` to ``1 + r``. Required key: ``img``, BGR uint8
    (H, W, 3).

    Args:
        brightness (float): r >= 0 of the exposure. Defaults to 0.5.
        contrast (float): r of the contrast. Defaults to 0.5.
        saturation (float): r of the saturation. Defaults to 0.6.
        balance (float): r of the gain of a channel. Defaults to 0.25.
        prob (float): share of the images that are changed. Defaults to 1.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(self,
                 brightness: float = 0.5,
                 contrast: float = 0.5,
                 saturation: float = 0.6,
                 balance: float = 0.25,
                 prob: float = 1.0):
        check_at_least(
            self, 0, brightness=brightness, contrast=contrast,
            saturation=saturation, balance=balance)
        check_between(self, 0, 1, prob=prob)
        self.ranges = (brightness, contrast, saturation, balance, balance,
                       balance)
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Change the colours of ``img``."""
        if np.random.rand() >= self.prob:
            return results
        factors = 1 + np.random.uniform(-1, 1, 6) * self.ranges
        results['img'] = self.change(results['img'], *factors[:3],
                                     factors[3:])
        return results

    @staticmethod
    def change(image: np.ndarray, brightness: float, contrast: float,
               saturation: float, gains: np.ndarray) -> np.ndarray:
        """Apply given factors, all 1: no change.

        Args:
            image (np.ndarray): (H, W, 3) BGR uint8.
            brightness (float): factor on all values.
            contrast (float): factor on the distance to the mean grey.
            saturation (float): factor on the distance to a pixel's grey.
            gains (np.ndarray): (3,) factors on the channels.
        """
        colours = saturation * np.eye(3) + (1 - saturation) * _GREY
        colours = brightness * np.asarray(gains)[:, None] * colours
        mean = np.array(cv2.mean(image)[:3])
        grey = _GREY @ (colours @ mean)
        matrix = np.column_stack([contrast * colours,
                                  np.full(3, (1 - contrast) * grey)])
        return cv2.transform(image, matrix)
