"""Pictures that PicturesHook has drawn."""

import re
from pathlib import Path

from ..data_uri import file_uri
from ..page_blocks import Note, Picture, Pictures
from ..work_dir import Options, WorkDir

#: what the pictures show, by the beginning of their name
KINDS = {
    'embedding_map': 'Embedding map: each point is an image, near ones have '
                     'similar features',
    'camera_confusion': 'Camera confusion: how well queries of one camera '
                        'find their match in another',
    'rank_lists': 'Rank lists: queries and the first images found',
    'clusters': 'Clusters: images that got the same pseudo label',
    'activation_maps': 'Activation maps: where the model looks',
    '': 'Other pictures',
}
#: pictures of points and numbers; all others may show people
NO_PEOPLE = ('embedding_map', 'camera_confusion')
#: bytes of all pictures together, as text in the page
LIMIT = 24 << 20
_NAME = re.compile(r'(.+)_(\d+)')


def pictures(work: WorkDir, options: Options) -> list:
    """The newest of each kind; those of people on request alone."""
    found = _newest(work.path)
    found.pop('curves', None)  # drawn anew for this page
    if not found:
        return [Note('No pictures in */vis_data/vis_image: PicturesHook draws '
                     'some while a model is trained, see custom_hooks.',
                     'missing')]
    left_out = [name for name in found
                if _kind(name) not in NO_PEOPLE and not options.with_images]
    blocks, size, too_many = [], 0, 0
    for kind, text in KINDS.items():
        shown = []
        for name, (epoch, file) in found.items():
            if _kind(name) != kind or name in left_out:
                continue
            uri = file_uri(file, kind not in NO_PEOPLE)
            if size + len(uri) > LIMIT:
                too_many += 1
                continue
            size += len(uri)
            domain = name[len(kind):].lstrip('_')
            caption = f'{text}; {domain + ", " if domain else ""}epoch {epoch}'
            shown.append(Picture(uri, caption, caption))
        if shown:
            blocks.append(Pictures(shown, wide=True))
    return [*blocks, *_notes(sorted(left_out), too_many)]


def _newest(work_dir: Path) -> dict[str, tuple[int, Path]]:
    """Name -> (epoch, file) of the pictures with the highest epoch."""
    newest: dict[str, tuple[int, Path]] = {}
    for file in sorted(work_dir.glob('*/vis_data/vis_image/*')):
        match = _NAME.fullmatch(file.stem)
        if match and file.suffix.lower() in ('.png', '.jpg', '.jpeg'):
            name, epoch = match[1], int(match[2])
            if name not in newest or epoch >= newest[name][0]:
                newest[name] = epoch, file
    return newest


def _kind(name: str) -> str:
    return next(kind for kind in KINDS if name.startswith(kind))


def _notes(left_out: list[str], too_many: int) -> list[Note]:
    notes = []
    if left_out:
        notes.append(Note(
            f'{len(left_out)} pictures that show people are left out: '
            f'{", ".join(left_out)}. --with-images embeds them; mind who will '
            'get this page.'))
    if too_many:
        notes.append(Note(
            f'{too_many} pictures are left out, since together they are '
            f'larger than {LIMIT >> 20} MiB.', 'missing'))
    notes.append(Note('The newest picture of each kind; those of earlier '
                      'epochs are in */vis_data/vis_image.'))
    return notes
