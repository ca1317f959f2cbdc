# Contrast with the centres of labelled identities and of clusters; an average
# of the weights embeds images for labels and tests.
_base_ = '../default_runtime.py'

model = dict(
    type='ClusterContrast',
    momentum_encoder=dict(
        type='MomentumEncoder', momentum=0.995, warmup=True))
default_hooks = dict(
    pseudo_labels=dict(
        type='PseudoLabelHook',
        clustering=dict(
            k1=30, k2=6, eps=0.5, min_samples=4, criteria=None)))
