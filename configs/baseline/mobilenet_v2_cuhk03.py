# The labelled images alone: direct transfer from CUHK03-dev, the first trained
# row of the tables of all methods. MobileNetV2 from ImageNet.
_base_ = [
    '../_base_/mobilenet_v2_cuhk03_market.py',
    '../_base_/methods/baseline.py',
]

protocol = 'small: CUHK03-dev, training part'
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=450, temperature=0.05),
    momentum_encoder=dict(
        type='MomentumEncoder', momentum=0.995, warmup=True))
train_dataloader = dict(
    batch_sampler=dict(quotas=None),
    dataset=dict(
        domains=[dict(_base_._domains.cuhk03_dev, role='labelled')]))
