"""Figures of Matplotlib, and pictures as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from PIL import Image

from mmreidmix.files import replace_file

# Matplotlib is imported where it draws: most of the package does without.
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = Any

AnyPath = Union[str, Path]
#: RGB, uint8, shape (H, W, 3)
RGBImage = np.ndarray


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure outside of pyplot's global state; inches."""
    from matplotlib.figure import Figure
    return Figure((width, height), dpi=100, layout='constrained')


def as_image(figure: Figure) -> RGBImage:
    """Pixels of a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_picture(picture: Union[RGBImage, Figure], file: AnyPath) -> Path:
    """Write a picture; its folder is made.

    The suffix of the file tells the format: '.png' and others; of a figure
    also '.pdf' and '.svg'.

    Raises:
        OSError: there is no such place, or no space left.
        ValueError: the suffix is of no format.
    """
    file = Path(file)
    suffix = file.suffix.lower()
    if isinstance(picture, np.ndarray):
        kind = Image.registered_extensions().get(suffix)
        if kind is None:
            raise ValueError(f'{file}: {suffix!r} is no format of pictures; '
                             "name it '.png'")
        replace_file(file, lambda stream: Image.fromarray(picture).save(
            stream, kind))
    else:
        replace_file(file, lambda stream: picture.savefig(
            stream, format=suffix[1:]))
    return file


def file_name(domain: str) -> str:
    """The name of a domain, fit to be part of a file name."""
    return domain.replace('/', '_')
