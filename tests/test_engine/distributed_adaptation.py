"""One of several gloo processes; writes losses of the adaptation models."""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.registry import DefaultScope

from mmreidmix.compat import close_process_group, init_cpu_process_group
from tests.tiny_model import WIDTH, batch, build_model, clustering_of

# Halves of the batch: one domain each, and three images to one.
BATCHES = ((0, 1, 2, 3, 8, 9, 10, 11), (0, 1, 2, 8, 3, 9, 10, 11))
BRANCHES = dict(
    attention=dict(type='DAAMNeck', in_channels=WIDTH, reduction=2),
    specific_head=dict(type='DomainSpecificHead'))
MODELS = dict(
    hypersphere=dict(
        kind='DAAM',
        similarity=dict(type='HypersphereLoss', in_channels=WIDTH),
        target=dict(type='ClusterWeightedLoss'), **BRANCHES),
    nominal=dict(
        kind='DAAM',
        similarity=dict(type='NominalClassLoss', in_channels=WIDTH),
        target=dict(type='SoftLabelLoss'), **BRANCHES),
    compact=dict(
        kind='DAAM', similarity=dict(type='CompactnessLoss'), **BRANCHES),
    contrast=dict(kind='ClusterContrast', id_head=None))


def unit(num):
    generator = torch.Generator().manual_seed(num)
    return F.normalize(torch.randn(num, WIDTH, generator=generator))


def build(name):
    model = build_model(bn_group_size=4, **MODELS[name]).double()
    clustered, images = np.arange(8, 13), np.arange(13)
    rows, table = unit(5).double(), model.label_table
    model.on_clustering(
        clustering_of(rows, [0, 0, 1, 1, 2], unit(3).double(),
                      camids=model.cameras[clustered], images=clustered))
    if name == 'contrast':
        model.memory.rebuild([unit(8).double(), rows], table.labels[images],
                             model.cameras[images], table.num_classes)
    return model


def steps(name):
    """Losses, gradients and what is kept, of two steps."""
    model, found = build(name), {}
    names = [k for k, p in model.named_parameters() if p.requires_grad]
    for step, indices in enumerate(BATCHES):
        whole = batch(indices, seed=step)
        size = len(indices) // get_world_size()
        own = slice(get_rank() * size, (get_rank() + 1) * size)
        data = model.data_preprocessor(
            {k: v[own] for k, v in whole.items()}, True)
        data['inputs'] = data['inputs'].double()
        total, logged = model.parse_losses(model(**data, mode='loss'))
        # What can not be reached by a loss would stop DDP.
        gradients = torch.autograd.grad(
            total, [model.get_parameter(k) for k in names])
        for key, gradient in zip(names, gradients):
            all_reduce(gradient, op='mean')
            found[f'{step}/grad/{key}'] = gradient
            model.get_parameter(key).data -= 0.1 * gradient
        found.update({f'{step}/{k}': v for k, v in logged.items()})
        if name == 'contrast':
            model.update_memory()
            found[f'{step}/memory'] = model.memory.centroids
        if name == 'hypersphere':
            found.update({f'{step}/{k}': v
                          for k, v in model.similarity.state_dict().items()})
    return {k: v.detach().numpy() for k, v in found.items()}


def main(folder):
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    init_cpu_process_group('pytorch')
    for name in MODELS:
        np.savez(folder / f'{name}{get_rank()}.npz', **steps(name))
    close_process_group()


if __name__ == '__main__':
    main(Path(sys.argv[1]))
