# Toy data, a narrow ResNet-18 from scratch, minutes on a CPU.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/128x64.py',
    '../_base_/backbones/r18_x0_25.py',
    '../_base_/methods/daam.py',
    '../_base_/schedules/cpu.py',
]

_d = _base_._domains
protocol = 'unsupervised domain adaptation: toy synthetic + toy target'
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=200 + 6000 // 2))
train_dataloader = dict(
    batch_sampler=dict(quotas='equal', iters_per_epoch=150),
    dataset=dict(domains=[
        dict(_d.toy_synthetic, role='labelled'),
        dict(_d.toy_target, role='unlabelled'),
    ]))
val_dataloader = dict(dataset=dict(domains=[_d.toy_target]))
test_dataloader = val_dataloader
default_hooks = dict(
    pseudo_labels=dict(
        begin=4,
        # 24 images per identity: shorter neighbour lists, closer clusters.
        clustering=dict(k1=20, eps=0.45)))
