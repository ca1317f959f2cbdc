# DomainMix on real images, in minutes on a CPU: MobileNetV2 from ImageNet,
# labelled CUHK03-dev, unlabelled Market-1501-dev; PKU-Reid is not seen. The
# recommended recipe with the reliable clusters and the balance loss of
# DomainMix. Its classifier is the memory: 300 iterations are too few to learn
# rows for all identities.
_base_ = '../mixture/mobilenet_v2_mixture_cuhk03_market.py'

model = dict(
    type='DomainMix',
    memory=dict(type='CentroidsMemory', follow=True),
    losses=dict(contrast=dict(type='CentroidsLoss', temperature=0.05)),
    domain_head=dict(type='DomainBalanceHead'))
default_hooks = dict(
    pseudo_labels=dict(
        clustering=dict(
            criteria=('independence', 'compactness', 'quantity'))),
    phases=dict(
        type='DomainMixPhaseHook',
        phases=[dict(begin=0), dict(begin=1, balance=True)]))
find_unused_parameters = True
