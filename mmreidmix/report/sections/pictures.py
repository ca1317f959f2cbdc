"""Pictures that PicturesHook has drawn."""

import re

from mmreidmix.report.page_blocks import Note, Picture, Pictures

from ..data_uri import file_uri

#: pictures of points and numbers; all others may show people
NO_PEOPLE = {
    'embedding_map': 'Embedding map: each point is an image, near ones have '
                     'similar features',
    'camera_confusion': 'Camera confusion: how well queries of one camera '
                        'find their match in another',
}
PEOPLE = {
    'rank_lists': 'Rank lists: queries and the first images found',
    'clusters': 'Clusters: images that got the same pseudo label',
    'activation_maps': 'Activation maps: where the model looks',
}
#: bytes of all pictures together, as text in the page
LIMIT = 24 << 20
_NAME = re.compile(r'(.+)_(\d+)')


def pictures(work, options) -> list:
    """The newest of each kind; those of people on request alone."""
    found = _newest(work.path)
    # drawn anew for this page
    found.pop('curves', None)
    if not found:
        return [Note('No pictures in */vis_data/vis_image: PicturesHook draws '
                     'some while a model is trained, see custom_hooks.',
                     'missing')]
    shown = {name: item for name, item in found.items()
             if options.with_images or _kind(name) in NO_PEOPLE}
    blocks, room = [], LIMIT
    for kinds in (NO_PEOPLE, PEOPLE, {'': 'Other pictures'}):
        for kind, text in kinds.items():
            items, room = _embed(
                {n: i for n, i in shown.items() if _kind(n) == kind},
                text, kind not in NO_PEOPLE, room)
            if items:
                blocks.append(Pictures(items, wide=True))
    return blocks + _notes(found, shown, blocks)


def _newest(path) -> dict:
    """Name -> (epoch, file) of the pictures with the highest epoch."""
    newest = {}
    for file in sorted(path.glob('*/vis_data/vis_image/*')):
        match = _NAME.fullmatch(file.stem)
        if match and file.suffix.lower() in ('.png', '.jpg', '.jpeg'):
            epoch = int(match[2])
            if epoch >= newest.get(match[1], (0, ))[0]:
                newest[match[1]] = epoch, file
    return newest


def _kind(name: str) -> str:
    kinds = [kind for kind in (*NO_PEOPLE, *PEOPLE) if name.startswith(kind)]
    return kinds[0] if kinds else ''


def _embed(items: dict, text: str, photo: bool, room: int) -> tuple:
    """Pictures of one kind, as long as there is room."""
    pictures = []
    for name, (epoch, file) in items.items():
        uri = file_uri(file, photo)
        if len(uri) <= room:
            room -= len(uri)
            domain = name[len(_kind(name)):].lstrip('_')
            caption = f'{text}; {domain + ", " if domain else ""}epoch {epoch}'
            pictures.append(Picture(uri, caption, caption))
    return pictures, room


def _notes(found: dict, shown: dict, blocks: list) -> list:
    notes = []
    hidden = sorted(set(found) - set(shown))
    if hidden:
        notes.append(Note(
            f'{len(hidden)} pictures that show people are left out: '
            f'{", ".join(hidden)}. --with-images embeds them; mind who will '
            'get this page.'))
    too_many = len(shown) - sum(len(block.items) for block in blocks)
    if too_many:
        notes.append(Note(
            f'{too_many} pictures are left out, since together they are '
            f'larger than {LIMIT >> 20} MiB.', 'missing'))
    notes.append(Note('The newest picture of each kind; those of earlier '
                      'epochs are in */vis_data/vis_image.'))
    return notes
