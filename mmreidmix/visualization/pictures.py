"""Figures of Matplotlib, and pictures as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from PIL import Image

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
    """
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(picture, np.ndarray):
        Image.fromarray(picture).save(file)
    else:
        picture.savefig(file)
    return file


def file_name(domain: str) -> str:
    """The name of a domain, fit to be part of a file name."""
    return domain.replace('/', '_')
