"""Pictures inside a page."""

import base64
import io
from pathlib import Path

from PIL import Image

from mmreidmix.visualization.pictures import Figure

#: pixels; what is larger is made smaller
MAX_WIDTH, MAX_HEIGHT = 1400, 4000


def figure_uri(figure: Figure) -> str:
    """A Matplotlib figure, sharp at any size."""
    # Here, since most of the package does without Matplotlib.
    import matplotlib
    stream = io.BytesIO()
    # the same figure is the same text
    with matplotlib.rc_context({'svg.hashsalt': 'mmreidmix'}):
        figure.savefig(stream, format='svg', metadata={'Date': None})
    return _uri('svg+xml', stream)


def image_uri(image: Image.Image, photo: bool) -> str:
    """An image of any mode, made smaller where it is large.

    A photo, or a sheet of photos, becomes a JPEG, all else a PNG.
    """
    image = image.convert('RGB')
    image.thumbnail((MAX_WIDTH, MAX_HEIGHT))
    stream = io.BytesIO()
    kind, options = ('jpeg', {'quality': 82}) if photo else ('png', {})
    image.save(stream, kind, optimize=True, **options)
    return _uri(kind, stream)


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


def _uri(kind: str, stream: io.BytesIO) -> str:
    content = base64.b64encode(stream.getvalue()).decode()
    return f'data:image/{kind};base64,{content}'
