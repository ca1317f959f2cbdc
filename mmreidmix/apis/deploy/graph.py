"""What is exported: one module from pixels to the embedding."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Optional

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmreidmix.apis.images import Preparation
from mmreidmix.apis.trained_model import TrainedModel
from mmreidmix.checks import check_choice
from mmreidmix.compat import swaps_channels

INTERPOLATIONS = ('bilinear', 'bicubic')
VALUES = ('uint8', 'unit', 'normalised')
LAYOUTS = ('NHWC', 'NCHW')
#: Statistics of 'normalised' images, RGB, of 0 to 255: those of ImageNet.
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class InputForm:
    """What an exported model takes: RGB images in one of several forms.

    Args:
        values (str): 'uint8', 0 to 255; 'unit', floats from 0 to 1; or
            'normalised', floats minus the mean, by the deviation of
            ImageNet, whatever those of the model are.
        layout (str, optional): 'NHWC' or 'NCHW'. Defaults to NHWC of uint8,
            NCHW of floats.
        size (tuple[int, int], optional): (height, width), resized inside
            where the model's own is another. Defaults to any size of uint8,
            the model's own of floats.
        batch (int, optional): images in a batch. Defaults to any number.

    Raises:
        ValueError: an option out of its range.
    """

    values: str = 'uint8'
    layout: Optional[str] = None
    size: Optional[tuple[int, int]] = None
    batch: Optional[int] = None

    def __post_init__(self):
        raw = self.values == 'uint8'
        if self.layout is None:
            object.__setattr__(self, 'layout', 'NHWC' if raw else 'NCHW')
        check_choice(self, VALUES, values=self.values)
        check_choice(self, LAYOUTS, layout=self.layout)

    def example(self, count: int, height: int, width: int) -> torch.Tensor:
        """Black images, or such of the mean colour."""
        shape = (count, height, width, 3)
        images = torch.zeros(
            shape, dtype=torch.uint8 if self.values == 'uint8' else None)
        return images if self.layout == 'NHWC' else (
            images.permute(0, 3, 1, 2).contiguous())

    def description(self) -> dict:
        """For the metadata of a file."""
        found = dict(asdict(self), colour='RGB')
        if self.values == 'normalised':
            found.update(mean=MEAN, std=STD)
        return found


class PixelsToEmbedding(nn.Module):
    """Resize, normalise and embed in one module.

    Resizing is that of the test pipeline, whose rounding may differ by one
    level of a pixel.

    Args:
        trained (TrainedModel): what to export.
        form (InputForm): of the images.

    Attributes:
        form (InputForm): of the images; floats always have a size.
        size (tuple[int, int]): (height, width) that the model takes.
        of_imagenet (bool): whether mean and deviation are those of ImageNet.
        antialias (bool): whether shrinking takes the mean of what falls
            together, as Pillow does, or single pixels, as OpenCV does.

    Raises:
        ValueError: the test pipeline does more than to resize.
    """

    def __init__(self, trained: TrainedModel, form: InputForm):
        super().__init__()
        resize = Preparation(trained.pipeline).resize_only()
        interpolation = resize.get('interpolation', 'bilinear')
        check_choice('export', INTERPOLATIONS, interpolation=interpolation)
        self.interpolation = interpolation
        self.antialias = resize.get('backend') == 'pillow'
        width, height = resize['scale']
        self.size = (height, width)
        raw = form.values == 'uint8'
        self.form = form if raw or form.size else replace(
            form, size=self.size)
        self.model = trained.model
        preprocessor = trained.model.data_preprocessor
        self.to_bgr = not swaps_channels(preprocessor)
        for name, given in dict(mean=MEAN, std=STD).items():
            value = getattr(preprocessor, name, None)
            if value is None:
                value = torch.full((3, 1, 1), float(name == 'std'))
            self.register_buffer(name, value.clone().view(1, 3, 1, 1))
            ours = torch.tensor(given[::-1] if self.to_bgr else given)
            self.register_buffer(f'given_{name}', ours.view(1, 3, 1, 1))
        self.of_imagenet = np.allclose(
            [*self.statistics().values()], [MEAN, STD])

    @property
    def resizes(self) -> bool:
        """Whether images are resized."""
        return self.form.size != self.size

    def example(self) -> torch.Tensor:
        """Images to trace; sizes that vary must not look like constants."""
        height, width = self.form.size or (side + 8 for side in self.size)
        return self.form.example(self.form.batch or 2, height, width)

    def free_axes(self) -> dict[int, str]:
        """Axes of the images whose sizes vary, with their names."""
        axes = {} if self.form.batch else {0: 'batch'}
        if self.form.size is None:
            first = self.form.layout.index('H')
            axes.update({first: 'height', first + 1: 'width'})
        return axes

    def statistics(self) -> dict[str, list[float]]:
        """Mean and deviation that the model takes, RGB, of 0 to 255."""
        order = [2, 1, 0] if self.to_bgr else [0, 1, 2]
        return {name: getattr(self, name).flatten()[order].tolist()
                for name in ('mean', 'std')}

    def describe(self, trained: TrainedModel) -> dict:
        """What a file says of itself."""
        pipeline = trained.pipeline
        if self.form.size is not None:  # resized to what the file takes
            load, resize, pack = pipeline
            resize = dict(resize, scale=self.form.size[::-1])
            pipeline = [load, resize, pack]
        return dict(trained.description(), pipeline=pipeline,
                    input=self.form.description())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D) of images in the form of :attr:`form`."""
        if self.form.layout == 'NHWC':
            images = images.permute(0, 3, 1, 2)
        pixels = images.float()
        if self.to_bgr:
            pixels = pixels.flip(1)
        if self.form.values == 'normalised':
            if self.of_imagenet:
                return self.model.embed(self.resized(pixels))
            pixels = pixels * self.given_std + self.given_mean
        if self.form.values == 'unit':
            pixels = pixels * 255
        if self.resizes:
            # An 8-bit image is what the model was trained on.
            pixels = (self.resized(pixels) + 0.5).floor().clamp(0, 255)
        return self.model.embed((pixels - self.mean) / self.std)

    def resized(self, pixels: torch.Tensor) -> torch.Tensor:
        """Images (B, 3, h, w) in the size of the model."""
        return F.interpolate(
            pixels, self.size, mode=self.interpolation, align_corners=False,
            antialias=self.antialias) if self.resizes else pixels


def register_antialiasing(opset: int) -> None:
    """Let PyTorch's exporter write antialiased resizing, from opset 18 on."""
    for name, mode in dict(bilinear='linear', bicubic='cubic').items():
        torch.onnx.register_custom_op_symbolic(
            f'aten::_upsample_{name}2d_aa', _resize_op(mode), opset)


def _resize_op(mode: str) -> Any:
    def symbolic(graph, images, size, align_corners, *scales):
        empty = graph.op('Constant', value_t=torch.tensor([]))
        # All four sides are named: ONNX Runtime 1.31 moves transpositions
        # across, and takes two sides of `axes` for four.
        others = graph.op('Shape', images, start_i=0, end_i=2)
        sides = graph.op('Concat', others, size, axis_i=0)
        return graph.op(
            'Resize', images, empty, empty, sides, mode_s=mode, antialias_i=1,
            cubic_coeff_a_f=-0.5, exclude_outside_i=1,
            coordinate_transformation_mode_s='half_pixel')

    return symbolic
