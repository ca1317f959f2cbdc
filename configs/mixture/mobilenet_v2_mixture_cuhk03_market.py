# The recommended recipe from ImageNet: MobileNetV2, labelled CUHK03-dev,
# unlabelled Market-1501-dev; PKU-Reid is not seen.
_base_ = [
    '../_base_/mobilenet_v2_cuhk03_market.py',
    '../_base_/methods/mixture.py',
]

model = dict(
    **_base_._encoder,
    triplet=dict(type='BatchHardTripletLoss'))
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            '_delete_': True,
            'cuhk03-dev': 10,
            'market1501-dev': 6
        }))
default_hooks = dict(pseudo_labels=dict(begin=1))
