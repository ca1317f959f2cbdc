"""Pictures inside a page."""

import base64
import io
from pathlib import Path

from PIL import Image

#: pixels; what is larger is made smaller
MAX_WIDTH, MAX_HEIGHT = 1400, 4000


def figure_uri(figure) -> str:
    """A Matplotlib figure, sharp at any size."""
    # Here, since most of the package does without Matplotlib.
    import matplotlib
    stream = io.BytesIO()
    # the same figure is the same text
    with matplotlib.rc_context({'svg.hashsalt': 'mmreidmix'}):
        figure.savefig(stream, format='svg', metadata={'Date': None})
    return _uri('svg+xml', stream.getvalue())


def image_uri(image, photo: bool) -> str:
    """An image, made smaller where it is large.

    Args:
        image (PIL.Image.Image): of any mode.
        photo (bool): whether it is made of photographs, and so a JPEG.
    """
    image = image.convert('RGB')
    image.thumbnail((MAX_WIDTH, MAX_HEIGHT))
    stream = io.BytesIO()
    if photo:
        image.save(stream, 'JPEG', quality=82, optimize=True)
    else:
        image.save(stream, 'PNG', optimize=True)
    return _uri('jpeg' if photo else 'png', stream.getvalue())


def file_uri(file: Path, photo: bool) -> str:
    """An image file, see :func:`image_uri`.

    Raises:
        OSError: it can not be read as an image.
    """
    try:
        with Image.open(file) as image:
            return image_uri(image, photo)
    except (OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise OSError(f'{file} can not be read as an image: {error}'
                      ) from error


def _uri(kind: str, content: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(content).decode()}'
