"""Clusters as pictures: a row of images for each of some clusters."""

from collections.abc import Callable
from typing import Any, NamedTuple, Optional

import numpy as np

from mmreidmix.checks import check_count

from .image_grid import INK, Sheet
from .pictures import AnyPath, RGBImage

# Okabe and Ito: told apart by those who see no red or no green, too.
PEOPLE = ('#009e73', '#d55e00', '#0072b2', '#e69f00', '#cc79a7', '#56b4e9',
          '#f0e442')
OTHER, UNKNOWN = INK, '#b8b8b8'


class Cluster(NamedTuple):
    """What stands at the head of a row, and the images, shape (n,)."""

    name: str
    members: np.ndarray


def pick_clusters(labels: np.ndarray,
                  pids: Optional[np.ndarray],
                  num: int,
                  rng: np.random.Generator) -> list[Cluster]:
    """Up to ``num`` clusters of each kind, and the images without a cluster.

    The kinds are, in this order: largest; where people are known, most impure
    (of equally impure ones the larger); random among the rest. No cluster
    comes twice.

    Args:
        labels (np.ndarray): clusters, -1 = none, shape (N,).
        pids (np.ndarray, optional): identities, -1 = not known, shape (N,).
        num (int): clusters of a kind.
        rng (np.random.Generator): source of the random ones.
    """
    order = np.argsort(labels, kind='stable')
    names, starts = np.unique(labels[order], return_index=True)
    members = dict(zip(names.tolist(), np.split(order, starts[1:])))
    noise = members.pop(-1, None)
    left = sorted(members, key=lambda name: -len(members[name]))
    picked = [('largest', left[:num])]
    left = left[num:]
    if pids is not None:
        left.sort(key=lambda name: purity(pids[members[name]]))
        picked.append(('most impure', left[:num]))
        left = left[num:]
    picked.append(('random', rng.permutation(sorted(left))[:num].tolist()))
    rows = [
        Cluster(f'cluster {name}: {kind}', members[name])
        for kind, names_of_kind in picked for name in names_of_kind
    ]
    return rows if noise is None else [*rows, Cluster('no cluster', noise)]


def purity(pids: np.ndarray) -> float:
    """Share of the most frequent of the known identities (-1 = not known).

    It is 1.0 where none is known.
    """
    counts = np.unique(pids[pids >= 0], return_counts=True)[1]
    return float(counts.max() / counts.sum()) if len(counts) else 1.0


def draw_cluster_sheet(path_of: Callable[[int], AnyPath],
                       labels: np.ndarray,
                       pids: Optional[np.ndarray] = None,
                       camids: Optional[np.ndarray] = None,
                       *,
                       num: int = 4,
                       images: int = 12,
                       seed: int = 0,
                       title: str = '',
                       size: tuple[int, int] = (64, 128)) -> RGBImage:
    """Draw one row of images for each of some clusters.

    Clusters: see :func:`pick_clusters`. At the head of a row stand the number
    of its images and, where people are known, how many there are and the
    purity. A row shows a seeded sample of the cluster.

    Where people are known, the colour of a frame tells them apart within the
    row: green is the most frequent person of the cluster, black are those for
    whom no colour is left, grey are those who are not known. Images without a
    cluster have grey frames.

    Args:
        path_of (Callable): image file of an image, by its number.
        labels (np.ndarray): clusters, -1 = none, shape (N,).
        pids (np.ndarray, optional): true identities, -1 = not known, shape
            (N,); to judge the clusters by.
        camids (np.ndarray, optional): cameras, shape (N,).
        num (int): clusters of each kind.
        images (int): images of a row.
        seed (int): of the sample of clusters and images.
        title (str): a line above everything.
        size (tuple[int, int]): width and height of an image, pixels.

    Raises:
        ValueError: no image has a cluster, or an option is below 1.
        OSError: an image can not be read; the message names it.
    """
    check_count('cluster sheet', 1, num=num, images=images)
    if not (labels >= 0).any():
        raise ValueError(f'none of {len(labels):,} images has a cluster')
    if pids is not None and (pids < 0).all():
        pids = None
    rng = np.random.default_rng(seed)
    clusters = pick_clusters(labels, pids, num, rng)
    columns = min(images, max(len(cluster.members) for cluster in clusters))
    sheet = Sheet(len(clusters), columns, size, title, head=180,
                  lines=(pids is not None) + (camids is not None))
    for row, (name, members) in enumerate(clusters):
        sheet.write_head(row, [name, *_describe(members, labels, pids)])
        shown = rng.permutation(members)[:images]
        colours = np.full(len(shown), UNKNOWN)
        if pids is not None and labels[members[0]] >= 0:
            shown, colours = _by_person(shown, members, pids)
        for column, (image, colour) in enumerate(zip(shown, colours)):
            notes = []
            if pids is not None:
                notes.append(f'id {pids[image]}' if pids[image] >= 0 else '?')
            if camids is not None:
                notes.append(f'cam {camids[image]}')
            sheet.paste(row, column, path_of(int(image)), colour, notes)
    return sheet.pixels


def domain_cluster_sheet(mixture: Any, domain: int,
                         **options: Any) -> RGBImage:
    """Draw the present clusters of a domain of a mixture.

    Args:
        mixture (DomainMixture): its label table holds the clusters.
        domain (int): position of an unlabelled domain.
        **options: see :func:`draw_cluster_sheet`.

    Raises:
        ValueError: no image of the domain has a cluster.
    """
    source, table = mixture.domains[domain], mixture.label_table
    labels = table.labels[table.span(domain)]
    clustered = labels[labels >= 0]
    if not len(clustered):
        raise ValueError(
            f'none of the {len(labels):,} images of {source.name} has a '
            'cluster: none survived, or the training had not come to the '
            'first clustering')
    options.setdefault(
        'title', f'{source.name}: {len(np.unique(clustered)):,} clusters, '
        f'{len(clustered):,} of {len(labels):,} images have one (seed '
        f'{options.get("seed", 0)})')
    return draw_cluster_sheet(
        source.image_path,
        np.maximum(labels - table.num_labelled_classes, -1),
        source.records.pids, source.records.camids, **options)


def _describe(members: np.ndarray, labels: np.ndarray,
              pids: Optional[np.ndarray]) -> list[str]:
    lines = [f'{len(members):,} images']
    if pids is None:
        return lines
    known = pids[members][pids[members] >= 0]
    people = len(np.unique(known))
    lines.append(f'{people:,} people' if people != 1 else '1 person')
    if len(known) and labels[members[0]] >= 0:
        lines.append(f'purity {purity(known):.0%}')
    return lines


def _by_person(shown: np.ndarray, members: np.ndarray,
               pids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images ordered by how often their person is in the cluster, coloured."""
    people, counts = np.unique(pids[members], return_counts=True)
    counts[people < 0] = 0
    place_of = np.argsort(np.argsort(-counts, kind='stable'))
    place = place_of[np.searchsorted(people, pids[shown])]
    order = np.argsort(place, kind='stable')
    colours = np.array([*PEOPLE, OTHER])[place.clip(max=len(PEOPLE))]
    colours[pids[shown] < 0] = UNKNOWN
    return shown[order], colours[order]
