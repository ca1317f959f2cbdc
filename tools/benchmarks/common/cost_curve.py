"""Tables and the picture of what the pseudo-label stage costs."""

import math
from pathlib import Path

import numpy as np

SERIES = ('neighbours', 'encoding', 'jaccard', 'clustering')


def growth_exponent(nums, values):
    """Slope b of the straight line through logarithms: value ~ num^b.

    Args:
        nums (Sequence[int]): At least two different sizes.
        values (Sequence[float]): Positive costs.

    Returns:
        float: 1 = linear, 2 = quadratic.
    """
    return float(np.polyfit(np.log(nums), np.log(values), 1)[0])


def growth(results):
    """Growth exponents of a curve.

    Args:
        results (dict[str, dict]): images -> measured stages.

    Returns:
        dict[str, float]: Of the neighbours, and of all after them.
    """
    nums = [int(num) for num in results]
    return dict(
        neighbours=growth_exponent(
            nums, [r['seconds']['neighbours'] for r in results.values()]),
        after_neighbours=growth_exponent(
            nums, [r['after_neighbours_seconds'] for r in results.values()]))


def make_table(rows):
    """A Markdown table, first column left, others right.

    Args:
        rows (list[list[str]]): The first one is the head.
    """
    rows = [rows[0], ['---'] + ['---:'] * (len(rows[0]) - 1), *rows[1:]]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join(
        f'| {" | ".join(map(str.ljust, row, widths))} |' for row in rows)


def curve_table(results):
    """Costs by number of images.

    Args:
        results (dict[str, dict]): images -> measured stages.
    """
    recall = any('recall' in r for r in results.values())
    rows = [['images', *(f'{name}, s' for name in SERIES),
             'after the neighbours, s', 'peak, MiB', 'of it features, MiB',
             'ARI at 0.6'] + recall * ['recall']]
    for num, r in results.items():
        memory = r['memory_mib']
        rows.append([
            f'{int(num):,}', *(f'{r["seconds"][s]:.2f}' for s in SERIES),
            f'{r["after_neighbours_seconds"]:.2f}', f'{memory["peak"]:.0f}',
            f'{memory["features"]:.0f}', f'{r["labels"]["0.6"]["ari"]:.3f}'
        ] + recall * [f'{r.get("recall", math.nan):.3f}'])
    return make_table(rows)


def draw(results, path, title):
    """Seconds by stage and memory over images, both axes logarithmic.

    Args:
        results (dict[str, dict]): images -> measured stages.
        path (Path): Picture file; its ending says the format.
        title (str): What was measured.
    """
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    nums = [int(num) for num in results]
    found = list(results.values())
    after = [r['after_neighbours_seconds'] for r in found]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.5, 3.9), layout='constrained')
    for name in SERIES:
        left.plot(nums, [r['seconds'][name] for r in found], marker='o',
                  markersize=3.5, linewidth=1.2, label=name)
    exponent = growth(results)['after_neighbours']
    left.plot(nums, after, 'k', marker='o', markersize=3.5,
              label=f'all after the neighbours, ~ N^{exponent:.2f}')
    left.plot(nums, [after[0] * num / nums[0] for num in nums], 'k:',
              linewidth=1, label='linear')
    left.set_ylabel('seconds')
    peaks = [r['memory_mib']['peak'] / 1024 for r in found]
    right.plot(nums, peaks, 'k', marker='o', markersize=3.5,
               label='peak of the process')
    right.plot(nums, [r['memory_mib']['features'] / 1024 for r in found],
               marker='o', markersize=3.5, label='of it the features')
    right.plot(nums, [4 * num**2 / 2**30 for num in nums], 'k:', linewidth=1,
               label='one N x N matrix of float32')
    right.set_ylabel('GiB')
    for axes in (left, right):
        axes.set(xscale='log', yscale='log', xlabel='images N')
        axes.grid(True, which='major', linewidth=0.4)
        axes.legend(fontsize=8, frameon=False, loc='upper left')
    right.set_ylim(top=30 * max(peaks))  # N x N would flatten all the rest
    figure.suptitle(title, fontsize=10)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
