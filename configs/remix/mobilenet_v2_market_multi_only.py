# The labelled people alone, 64 images in a batch.
_base_ = './mobilenet_v2_market.py'

train_dataloader = dict(
    batch_size=64,
    batch_sampler=dict(quotas=None),
    dataset=dict(
        domains=[dict(_base_._domains.market1501_dev_300, role='labelled')]))
