"""How many images of a camera its profile needs.

    python tools/analysis_tools/profile_curve.py CONFIG --weights MODEL \
        --domain Market1501:data/market1501
    python tools/analysis_tools/profile_curve.py CONFIG --weights MODEL \
        --domain PKUReid:data/pku_reid --tested

Draws n images of each camera, makes camera profiles of them, tests with them,
and prints the mAP in percent: mean and standard deviation over the draws. The
images are those of the training part of the domain or, with --tested, the
tested images, without their labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional

import numpy as np

from mmreidmix.apis.app.command_line import add_model_options, open_model
from mmreidmix.apis.app.domain_argument import check_domains, parse_domain
from mmreidmix.camera_profiles import PSEUDO_COUNT, CameraProfiles
from mmreidmix.choices import MODEL_HELP
from mmreidmix.command_line import run_main

if TYPE_CHECKING:
    from mmreidmix.apis import ReIDInferencer
    from mmreidmix.evaluation import FeatureTable

COUNTS = (5, 10, 20, 50, 100, 200)


def parse_args(
        arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help=MODEL_HELP)
    parser.add_argument('--domain', type=parse_domain, required=True,
                        metavar='TYPE:PATH[:KEY=VALUE,...]')
    parser.add_argument('--tested', action='store_true', help='draw from the '
                        'tested images instead of the training part')
    parser.add_argument('--counts', type=int, nargs='+', default=COUNTS,
                        help='images of each camera')
    parser.add_argument('--draws', type=int, default=5)
    parser.add_argument('--pseudo-count', type=float, default=PSEUDO_COUNT)
    add_model_options(parser, profiles=False)
    args = parser.parse_args(arguments)
    args.profiles = None
    if min(*args.counts, args.draws) < 1:
        parser.error('--counts and --draws must be at least 1')
    return args


def embed(inferencer: ReIDInferencer, domain: dict, subset: str) -> tuple:
    """Embeddings, identities, cameras and name of a part of a domain."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.registry import DATASETS
    data = DATASETS.build(dict(domain, subset=subset))
    rows = inferencer([data.image_path(i) for i in range(len(data))])
    return rows, data.records.pids, data.records.camids, data.name


def tested_table(query: tuple, gallery: tuple) -> FeatureTable:
    """Query and gallery as they are scored."""
    from mmreidmix.evaluation import FeatureTable
    features, pids, camids = (
        np.concatenate(pair) for pair in zip(query[:3], gallery[:3]))
    num = len(features)
    return FeatureTable(
        features, pids, camids, np.zeros(num, int),
        np.arange(num) < len(query[0]), np.full(num, ''),
        np.array([query[3]]))


def score(table: FeatureTable) -> float:
    """Compute the mAP in percent."""
    from mmreidmix.evaluation import rank
    images = table.query_gallery(str(table.domains[0]))
    return 100 * rank(images).summary((1, ))['mAP']


def drawn(cameras: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draw ``count`` images of each camera, or all that it has."""
    order = np.random.default_rng(seed).permutation(len(cameras))
    return np.concatenate([order[cameras[order] == camera][:count]
                           for camera in np.unique(cameras)])


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Embed, draw, score, print."""
    args = parse_args(arguments)
    check_domains([args.domain])
    inferencer = open_model(args)
    table = tested_table(*(embed(inferencer, args.domain, subset)
                           for subset in ('query', 'gallery')))
    rows, cameras = table.features, table.camids
    if not args.tested:
        rows, _, cameras, _ = embed(inferencer, args.domain, 'train')
    print('images per camera | mAP | +-')
    print(f'none | {score(table):.1f} |')
    for count in [*args.counts, len(rows)]:
        scores = []
        # all images are one draw
        for seed in range(args.draws if count < len(rows) else 1):
            own = drawn(cameras, count, seed)
            profiles = CameraProfiles.from_embeddings(
                rows[own], cameras[own], args.pseudo_count)
            scores.append(score(table.standardised([profiles])))
        spread = f'{np.std(scores, ddof=1):.1f}' if len(scores) > 1 else ''
        name = count if count < len(rows) else 'all'
        print(f'{name} | {np.mean(scores):.1f} | {spread}', flush=True)


if __name__ == '__main__':
    run_main(main)
