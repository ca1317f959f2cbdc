"""One of several gloo processes; writes the pseudo labels it was given."""

import sys
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.registry import DefaultScope

from mmreidmix.compat import close_process_group, init_cpu_process_group
from mmreidmix.engine.labelling.clusterers import build_clusterer
from mmreidmix.engine.labelling.clustering import (
    cluster_together,
    share_result,
)

CLUSTERINGS = dict(
    jaccard=dict(k1=8, k2=3, min_samples=3),
    cameras=dict(k1=8, k2=3, min_samples=3, k1_intra=3),
    plain=dict(k1=8, k2=3, min_samples=3, criteria=None, backend='faiss'),
    approximate=dict(
        k1=8, k2=3, min_samples=3, backend='ivf',
        backend_options=dict(nlist=20, nprobe=3)),
    finch=dict(type='FINCH'),
    kmeans=dict(type='KMeans', num_clusters=20),
    one=dict(type='FINCH', min_size=1),
)
SIZES = dict(one=1)


def embeddings(num):
    """Around forty directions; not of length 1."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(40, 16, generator=generator)
    noise = torch.randn(num, 16, generator=generator)
    return centres[torch.arange(num) % 40] + 0.6 * noise


def label(clustering, num):
    """Labels and alpha of one domain, as the hook makes them."""
    result = cluster_together(
        build_clusterer(clustering), embeddings(num), None, 'real',
        np.arange(num) % 3)
    assert (result is None) == (get_rank() > 0)
    labels, alpha = share_result(result, num)
    return labels, np.nan if alpha is None else alpha


def main(folder):
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    init_cpu_process_group('pytorch')
    for name, clustering in CLUSTERINGS.items():
        labels, alpha = label(clustering, SIZES.get(name, 401))
        np.savez(folder / f'{name}{get_rank()}.npz', labels=labels,
                 alpha=alpha)
    close_process_group()


if __name__ == '__main__':
    main(Path(sys.argv[1]))
