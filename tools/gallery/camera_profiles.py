"""Make camera profiles: what is usual for the embeddings of each camera.

    python tools/gallery/camera_profiles.py MODEL --images data/station \
        --pattern 'cam(?P<camid>\\d+)/.*' --out station.npz --batch-norm
    python tools/gallery/camera_profiles.py MODEL --images data/cam7 \
        --camera 7 --out station.npz --update
    python tools/gallery/camera_profiles.py CONFIG --weights MODEL \
        --domain Market1501:data/market1501 --out market.npz
    python tools/gallery/camera_profiles.py MODEL --gallery work_dirs/station \
        --out station.npz --standardised work_dirs/station_profiles

Images without labels are enough, 50 of a camera bring most of the gain. The
file is for the option --camera-profiles of tools/test.py and of the tools for
galleries, and for ReIDInferencer(profiles=FILE).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import numpy as np

from mmreidmix.apis.app import PART
from mmreidmix.apis.app.command_line import (
    add_model_options,
    add_path_options,
    add_store_option,
    open_model,
    path_reader,
)
from mmreidmix.apis.app.domain_argument import check_domains, parse_domain
from mmreidmix.camera_profiles import PSEUDO_COUNT, CameraProfiles
from mmreidmix.choices import MODEL_HELP
from mmreidmix.command_line import output_file, run_main, run_tool

if TYPE_CHECKING:
    from mmreidmix.apis import ReIDInferencer
    from mmreidmix.apis.gallery import BaseGallery


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help=MODEL_HELP)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--images', metavar='FOLDER',
                        help='folder of pictures; --camera, or --pattern or '
                        '--names, says of which camera they are')
    source.add_argument('--domain', type=parse_domain,
                        metavar='TYPE:PATH[:KEY=VALUE,...]',
                        help='training images of a data set')
    source.add_argument('--gallery', metavar='FOLDER', help='gallery of this '
                        'model, made without camera profiles')
    parser.add_argument('--out', required=True, type=output_file,
                        metavar='FILE.npz', help='file to write')
    parser.add_argument('--camera', help='camera of all pictures of --images')
    parser.add_argument('--site', help='name of the site; default: that of '
                        'the domain or folder')
    parser.add_argument(
        '--batch-norm', action='store_true', help='re-estimate batch-norm '
        'statistics on the images first, and keep them too')
    parser.add_argument(
        '--pseudo-count', type=float, default=PSEUDO_COUNT,
        help='images that the site counts for beside those of a camera '
        f'(default: {PSEUDO_COUNT:g})')
    parser.add_argument('--update', action='store_true',
                        help='add the images to the profiles that are there')
    parser.add_argument(
        '--standardised', metavar='FOLDER', help='with --gallery: also make '
        'this gallery, of its images with the profiles applied')
    add_store_option(parser)
    add_path_options(parser)
    add_model_options(parser, profiles=False)
    args = parser.parse_args(arguments)
    args.profiles = args.out if args.update else None
    if args.out.suffix != '.npz':
        parser.error(f'{args.out} must end in .npz')
    if args.gallery and (args.batch_norm or args.update):
        parser.error('--batch-norm and --update need images: a gallery holds '
                     'embeddings alone')
    if args.batch_norm and args.update:
        parser.error('--update keeps the batch-norm statistics that are there')
    if args.store and not args.gallery:
        parser.error('--store is for --gallery')
    if args.standardised and not args.gallery:
        parser.error('--standardised is for --gallery')
    if args.images and not (args.camera or args.pattern or args.names):
        parser.error('name the camera of the pictures by --camera, or by '
                     '--pattern or --names')
    return args


def images_of(args: argparse.Namespace) -> tuple[list, np.ndarray, str]:
    """Files, their cameras and the name of the site."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.app.gallery_filling import find_images
    from mmreidmix.registry import DATASETS
    if args.domain:
        dataset = DATASETS.build(args.domain)
        files = [dataset.image_path(i) for i in range(len(dataset))]
        return files, dataset.records.camids, dataset.name
    root, names = find_images([args.images], args.images)
    cameras = path_reader(args)(names, root).camids.astype(str)
    if args.camera:
        cameras = np.full(len(names), args.camera)
    return [root / name for name in names], cameras, root.name


def profiles_of_images(args: argparse.Namespace,
                       inferencer: ReIDInferencer) -> CameraProfiles:
    """Embed images, make their profiles or add them to those of a file."""
    files, cameras, site = images_of(args)
    if args.update:
        return inferencer.extended_profiles(files, cameras)
    return inferencer.make_profiles(
        files, cameras, batch_norm=args.batch_norm, site=args.site or site,
        pseudo_count=args.pseudo_count)


def profiles_of_gallery(args: argparse.Namespace,
                        gallery: BaseGallery) -> CameraProfiles:
    """Profiles of the images of a gallery, part by part."""
    profiles = None
    for embeddings, entries in parts_of(gallery):
        cameras = cameras_of(entries)
        if profiles is None:
            profiles = CameraProfiles.from_embeddings(
                embeddings, cameras, args.pseudo_count,
                site=args.site or Path(args.gallery).name,
                model=gallery.model)
        else:
            profiles = profiles.updated(embeddings, cameras)
    if profiles is None:
        raise ValueError(f'{args.gallery} is empty')
    return profiles


def parts_of(gallery: BaseGallery):
    """Embeddings and entries of the images of a gallery, in parts."""
    ids = gallery.ids
    for first in range(0, len(ids), PART):
        part = ids[first:first + PART]
        yield gallery.embeddings(part), gallery.entries(part)


def cameras_of(entries: Sequence) -> np.ndarray:
    """Cameras of entries of a gallery; -1 = not known."""
    return np.array([-1 if e.camid is None else e.camid for e in entries])


def standardise_gallery(gallery: BaseGallery, profiles: CameraProfiles,
                        folder: str, store: Optional[str]) -> None:
    """Write a gallery of the same images with profiles applied."""
    from mmreidmix.apis import create_gallery
    with create_gallery(folder, gallery.dim, profiles.fingerprint,
                        store=store) as new:
        for embeddings, entries in parts_of(gallery):
            cameras = cameras_of(entries)
            new.add(
                profiles.apply(embeddings, cameras),
                [e.name for e in entries], cameras,
                [np.nan if e.time is None else e.time for e in entries],
                [-1 if e.tracklet is None else e.tracklet for e in entries])


def make(args: argparse.Namespace) -> None:
    """Embed, write, report."""
    from mmreidmix.apis import open_gallery
    if args.domain:
        check_domains([args.domain])
    inferencer = open_model(args)
    if args.gallery:
        gallery = open_gallery(
            args.gallery, inferencer.sha256, store=args.store, read_only=True)
        profiles = profiles_of_gallery(args, gallery)
        if args.standardised:
            standardise_gallery(gallery, profiles, args.standardised,
                                args.store)
            print(f'{args.standardised}: {len(gallery):,} images, '
                  'standardised')
    else:
        profiles = profiles_of_images(args, inferencer)
    profiles.save(args.out)
    counts = ', '.join(f'{camera}: {count:,}' for camera, count in zip(
        profiles.cameras, profiles.counts))
    extra = ', with batch-norm statistics' if profiles.batch_norm else ''
    print(f'{args.out}: site {profiles.site!r}, images by camera {counts}'
          f'{extra}')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run; returns the exit status."""
    return run_tool(make, parse_args(arguments), 'camera_profiles')


if __name__ == '__main__':
    run_main(main)
