"""Search page: drop a picture of a person, see where he was.

    python tools/demo/app.py GALLERY --model MODEL --images FOLDER

GALLERY is a folder written by tools/gallery.py add. Where there is none yet,
the pictures below FOLDER are embedded into it first. With --store URL it is a
name in a PostgreSQL server, which must be there. The page is for this
computer alone, unless --host names another address: it asks for no password.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmreidmix.apis.app.command_line import (
    Progress,
    add_model_options,
    add_path_options,
    add_store_option,
    open_model,
    path_reader,
    report_damaged,
)
from mmreidmix.command_line import run_main, run_tool

if TYPE_CHECKING:
    from mmreidmix.apis.app.search_page import SearchPage


def parse_args(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('gallery', help='folder of a gallery')
    add_store_option(parser)
    parser.add_argument('--model', required=True, help='the model that the '
                        'gallery was made with, or is to be')
    parser.add_argument('--images', required=True, type=Path, metavar='FOLDER',
                        help='folder that the names in the gallery start '
                        'from; no picture outside it is shown')
    parser.add_argument('--host', default='127.0.0.1', help='address to '
                        'listen at (default: 127.0.0.1, this computer only)')
    parser.add_argument('--port', type=int, default=7860,
                        help='port to listen at (default: 7860)')
    add_path_options(parser)
    add_model_options(parser)
    return parser.parse_args(arguments)


def open_page(args) -> SearchPage:
    """Open the gallery, or make it."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.app.search_page import SearchPage
    from mmreidmix.apis.gallery import holds_gallery, open_gallery
    inferencer = open_model(args)
    if args.store is None and not holds_gallery(args.gallery):
        make_gallery(args, inferencer)
    gallery = open_gallery(args.gallery, store=args.store, read_only=True)
    return SearchPage(gallery, inferencer, args.images)


def make_gallery(args, inferencer) -> None:
    """Embed the pictures.

    The gallery has another name until it is whole: after an interruption the
    next start goes on with it.

    Raises:
        ValueError: the folder is not empty.
    """
    from mmreidmix.apis.app.gallery_filling import (
        extract_to_gallery,
        find_images,
    )
    folder = Path(args.gallery)
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f'{folder} holds no gallery, but other files: name a '
                         'folder that is empty or does not exist')
    root, names = find_images([args.images], args.images)
    print(f'making the gallery {folder} of {len(names):,} pictures below '
          f'{root}', flush=True)
    part = Path(f'{folder}.part')
    found = extract_to_gallery(
        inferencer, root.joinpath, names, part,
        partial(path_reader(args), where=root), 256, Progress())
    os.replace(part, folder)
    report_damaged(found.damaged)


def serve(args) -> None:
    """Open the page until the process is interrupted."""
    page = open_page(args)
    if args.host not in ('127.0.0.1', 'localhost', '::1'):
        print(f'WARNING: everyone who reaches {args.host} can search this '
              'gallery and see its pictures; there is no password',
              file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix='mmreidmix-') as folder:
        # Gradio reads both when it is imported. What visitors upload and
        # see is kept here and deleted in the end.
        os.environ['GRADIO_TEMP_DIR'] = folder
        os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
        try:
            from page import launch
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'the search page needs the package gradio: pip install '
                f"'.[demo]' ({error})") from error
        # A kill ends it as Ctrl+C does, so that the folder goes too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        launch(page, args.host, args.port)


def main(arguments=None) -> int:
    """Run; returns the exit status."""
    return run_tool(serve, parse_args(arguments), 'app')


if __name__ == '__main__':
    run_main(main)
