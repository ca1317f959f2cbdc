"""Embed many images as a job that any number of workers share.

    python tools/gallery/extract_job.py plan JOB --model MODEL --images data
    python tools/gallery/extract_job.py work JOB
    python tools/gallery/extract_job.py check JOB
    python tools/gallery/extract_job.py gallery JOB GALLERY

JOB is a folder that all workers see. A worker that was stopped is started
again by the same command. The exit status is 0 when it is done, 1 when images
are missing, doubled or changed, 2 for wrong use or wrong input.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmreidmix.apis.app import SHARD_IMAGES
from mmreidmix.apis.app.command_line import (
    Progress,
    add_images_options,
    add_model_options,
    add_path_options,
    add_store_option,
    images_to_embed,
    open_model,
    positive,
    report_damaged,
)
from mmreidmix.choices import MODEL_HELP
from mmreidmix.command_line import (
    output_folder,
    printable,
    run_main,
    run_tool,
)


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(
        title='commands', metavar='COMMAND', required=True)
    for work, text, add_options in (
            (plan, 'list the images and cut the list into shards',
             add_plan_options),
            (work_on, 'embed shards until none is free', add_work_options),
            (check, 'count what is done and what is missing', None),
            (gallery, 'add a complete job to a gallery, which is made where '
             'it is missing', add_gallery_options)):
        command = commands.add_parser(
            work.__name__.removesuffix('_on'), help=text,
            description=f'{text[:1].upper()}{text[1:]}.')
        command.set_defaults(work=work)
        command.add_argument(
            'job', help='folder of the job',
            type=output_folder if work is plan else Path)
        if add_options:
            add_options(command)
    return parser.parse_args(arguments)


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`plan`."""
    parser.add_argument('--model', required=True, help=MODEL_HELP)
    parser.add_argument('--shard-images', type=positive, default=SHARD_IMAGES,
                        help=f'images of a shard (default: {SHARD_IMAGES:,})')
    add_images_options(parser, lists=True)
    add_path_options(parser)
    add_model_options(parser, profiles=False)


def add_work_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`work_on`."""
    parser.add_argument('--model', help='where the model is, if not at the '
                        'place of the plan; another model is refused')
    parser.add_argument('--weights', help='checkpoint, if it is a config')
    parser.add_argument('--device', help='cpu, cuda, cuda:1; default: a GPU '
                        'where there is one')
    parser.add_argument('--index', type=int, help='number of this worker, '
                        'from 0: do each N-th shard and claim none')
    parser.add_argument('--of', type=positive, metavar='N',
                        help='number of workers that have an index')


def add_gallery_options(parser: argparse.ArgumentParser) -> None:
    """Options of :func:`gallery`."""
    parser.add_argument('gallery', help='folder of the gallery')
    add_store_option(parser)


def plan(args: argparse.Namespace) -> None:
    """List the images, cut the list."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.apis.app.extraction_job import plan_job
    if args.list:
        args.images = listed(args.list)
    address, names, _ = images_to_embed(args)
    if args.domain:
        place: dict = dict(domain=absolute(args.domain))
    else:
        place = dict(domain=None, root=str(address('')),
                     pattern=args.pattern or args.names,
                     time_format=args.time_format)
    args.profiles = None
    weights = args.weights and os.path.abspath(args.weights)
    job = plan_job(args.job, open_model(args), os.path.abspath(args.model),
                   weights, place, names, args.part, args.shard_images)
    print(f'{args.job}: {len(names):,} images in {len(job):,} shards, to be '
          f'embedded in {job.plan["precision"]}')


def absolute(domain: dict) -> dict:
    """A domain that is found from any folder."""
    from mmreidmix.datasets.image_bytes import is_url
    where = domain['data_root']
    return dict(domain, data_root=where if is_url(where)
                else os.path.abspath(where))


def listed(file: str) -> list[str]:
    """Places that a list file names, one a line."""
    from mmreidmix.files import read_text
    places = [line for line in read_text(file).splitlines() if line.strip()]
    if not places:
        raise ValueError(f'{file} names no image')
    doubled = len(places) - len(set(places))
    if doubled:
        print(f'{doubled:,} lines of {file} name an image again and are left '
              'out', file=sys.stderr)
    return places


def work_on(args: argparse.Namespace) -> int:
    """Embed shards."""
    from mmreidmix.apis.app.extraction_job import Job
    job = Job(args.job)
    inferencer = job.open_model(args.model, args.weights, args.device)
    done, refused = job.work(inferencer, args.index, args.of, Progress())
    for reason in refused:
        print(printable(reason), file=sys.stderr)
    print(f'{done:,} images by this worker; no shard is free any more. Once '
          'all workers have ended, check says whether all are done')
    return 1 if refused else 0


def check(args: argparse.Namespace) -> int:
    """Count."""
    from mmreidmix.apis.app.extraction_job import Job
    count = Job(args.job).check()
    report_damaged(count.unreadable)
    for fault in count.faults:
        print(printable(fault), file=sys.stderr)
    if count.undone:
        print('shards that are not done: '
              f'{", ".join(count.undone[:20])}'
              f'{", ..." if len(count.undone) > 20 else ""}', file=sys.stderr)
    print(f'{args.job}: {count}: '
          f'{"complete" if count.complete else "not complete"}')
    return 0 if count.complete else 1


def gallery(args: argparse.Namespace) -> None:
    """Add to a gallery."""
    from mmreidmix.apis.app.extraction_job import Job, job_to_gallery
    from mmreidmix.files import check_place
    if args.store is None:
        check_place(str(Path(args.gallery, 'file')))
    added, known = job_to_gallery(Job(args.job), args.gallery, args.store)
    print(f'{args.gallery}: {added:,} images added, {known:,} there already')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run; returns the exit status."""
    args = parse_args(arguments)
    return run_tool(args.work, args, 'extract_job')


if __name__ == '__main__':
    run_main(main)
