"""Embeddings as a map of two dimensions."""

from collections import Counter
from collections.abc import Sequence
from typing import Optional

import numpy as np
from sklearn.manifold import TSNE

from mmreidmix.checks import check_at_least, check_choice
from mmreidmix.choices import MAP_METHODS
from mmreidmix.evaluation.feature_table import FeatureTable

from .pictures import Axes, Figure, new_figure

# Both at once: ten colours are all that can be told apart, and fewer by those
# who see no red or no green.
COLOURS, MARKERS = 'tab10', 'o^sv'
MOST_NAMES = 20


def project(features: np.ndarray, method: str = 'tsne',
            seed: int = 0) -> np.ndarray:
    """Put embeddings on a plane, neighbours beside each other.

    Both methods keep neighbourhoods, not distances: the size of a group and
    the way between two groups mean nothing.

    Args:
        features (np.ndarray): rows of any length, compared by their
            direction, shape (N, D).
        method (str): 'tsne' (scikit-learn, perplexity 30 or, of few points,
            a third of their number) or 'umap' (package umap-learn, 15
            neighbours).
        seed (int): the same points give the same map, shape (N, 2).

    Raises:
        ValueError: an unknown method, or fewer than four points.
        ImportError: umap-learn is not installed.
    """
    check_choice('embedding map', MAP_METHODS, method=method)
    check_at_least('embedding map', 4, embeddings=len(features))
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    if method == 'tsne':
        return TSNE(
            perplexity=min(30, len(features) / 3), init='pca',
            random_state=seed).fit_transform(features)
    try:
        from umap import UMAP
    except ImportError as error:
        raise ImportError(
            "method 'umap' needs the package umap-learn: pip install "
            "umap-learn, or take 'tsne'") from error
    return UMAP(
        n_neighbors=min(15, len(features) - 1),
        random_state=seed).fit_transform(features)


def sample_people(table: FeatureTable,
                  domains: Sequence[str],
                  max_points: int,
                  seed: int = 0) -> tuple[np.ndarray, int]:
    """Draw people at random and take all of their images.

    Only people whom a query shows are drawn, so junk and distractors are not.
    The domains share the ``max_points`` images equally; those of the last
    person of a domain may be cut off.

    Returns:
        tuple[np.ndarray, int]: rows of the table, and how many images all
        people have whom a query shows.
    """
    rng = np.random.default_rng(seed)
    rows, total = [], 0
    for name in domains:
        own = np.concatenate(table.rows_of(name))
        people = np.unique(table.pids[own[table.is_query[own]]])
        turns = rng.permutation(len(people))
        own = own[np.isin(table.pids[own], people)]
        turn = turns[np.searchsorted(people, table.pids[own])]
        drawn = np.argsort(turn, kind='stable')[:max_points // len(domains)]
        rows.append(own[drawn])
        total += len(own)
    return np.concatenate(rows), total


def draw_embedding_map(points: np.ndarray,
                       pids: np.ndarray,
                       camids: np.ndarray,
                       domain: np.ndarray,
                       names: Sequence[str],
                       *,
                       identities: int = 20,
                       title: str = '') -> Figure:
    """Draw one map several times: by identity, by camera, by domain.

    The first ``identities`` people, of each domain in turn, have colours, the
    others are grey. With one domain the panel of domains is left out.

    Args:
        points (np.ndarray): of :func:`project`, shape (N, 2).
        pids (np.ndarray): identities inside the domain, shape (N,).
        camids (np.ndarray): cameras inside the domain, shape (N,).
        domain (np.ndarray): position in ``names``, shape (N,).
        names (Sequence[str]): of the domains.
        identities (int): people with a colour.
        title (str): a line above everything.
    """
    several = len(np.unique(domain)) > 1
    people = _names(names, domain, pids, several, 'id')
    turns: dict[str, int] = {}
    counts: Counter[int] = Counter()
    for person, position in zip(people.tolist(), domain.tolist()):
        if person not in turns:
            turns[person] = counts[position]
            counts[position] += 1
    shown = sorted(turns, key=turns.__getitem__)[:identities]
    panels = [
        (f'identity: {len(shown)} of {len(turns)} in colour',
         np.where(np.isin(people, shown), people, '')),
        ('camera', _names(names, domain, camids, several, 'cam')),
    ]
    if several:
        panels.append(('domain', np.asarray(names)[domain]))
    figure = new_figure(5.5 * len(panels), 6.5)
    figure.suptitle(title)
    for axes, (name, groups) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels):
        axes.set(title=name, xticks=[], yticks=[])
        _scatter(axes, points, groups)
    return figure


def table_embedding_map(table: FeatureTable,
                        domains: Optional[Sequence[str]] = None,
                        *,
                        method: str = 'tsne',
                        max_points: int = 1000,
                        identities: int = 20,
                        seed: int = 0) -> Figure:
    """Draw the map of a sample of people of some domains.

    See :func:`sample_people`, :func:`project` and :func:`draw_embedding_map`
    for the options.

    Args:
        table (FeatureTable): what ReIDMetric saved.
        domains (Sequence[str], optional): names; all by default.
        method (str): 'tsne' or 'umap'.
        max_points (int): most images.
        identities (int): people with a colour.
        seed (int): of sample and map.

    Raises:
        ValueError: an unknown domain, or what :func:`project` raises.
        ImportError: umap-learn is not installed.
    """
    names = table.domains.tolist() if domains is None else list(domains)
    rows, total = sample_people(table, names, max_points, seed)
    points = project(table.features[rows], method, seed)
    return draw_embedding_map(
        points, table.pids[rows], table.camids[rows], table.domain[rows],
        table.domains.tolist(), identities=identities,
        title=f'{", ".join(names)}: {MAP_METHODS[method]} of {len(rows):,} of '
        f'{total:,} images of the query people (seed {seed})')


def _names(names: Sequence[str], domain: np.ndarray, numbers: np.ndarray,
           several: bool, kind: str) -> np.ndarray:
    return np.array([
        f'{names[d]} {kind} {n}' if several else f'{kind} {n}'
        for d, n in zip(domain.tolist(), numbers.tolist())
    ])


def _scatter(axes: Axes, points: np.ndarray, groups: np.ndarray) -> None:
    """Draw points by group, the group '' below the others and in grey."""
    from matplotlib import colormaps
    colours = colormaps[COLOURS].colors
    none = groups == ''
    axes.scatter(*points[none].T, s=8, c='#d0d0d0', linewidths=0)
    named = sorted(set(groups[~none].tolist()), key=_natural)
    for i, name in enumerate(named):
        axes.scatter(
            *points[groups == name].T, s=18, linewidths=0, label=name,
            color=colours[i % len(colours)],
            marker=MARKERS[(i + i // 20) % len(MARKERS)])
    if len(named) <= MOST_NAMES:
        axes.legend(loc='upper center', bbox_to_anchor=(0.5, -0.02), ncols=4,
                    fontsize=7, handletextpad=0.1, columnspacing=1)
    else:
        axes.set_title(f'{axes.get_title()} ({len(named)}, not named)')


def _natural(name: str) -> tuple[str, int]:
    """Sort camera 10 behind camera 9."""
    text, _, number = name.rpartition(' ')
    return (text, int(number)) if number.isdecimal() else (name, -1)
