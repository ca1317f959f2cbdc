# The labelled images alone.
_base_ = './mobilenet_v2_cuhk03_market.py'

train_dataloader = dict(
    batch_sampler=dict(quotas=None),
    dataset=dict(
        domains=[dict(_base_._domains.cuhk03_dev, role='labelled')]))
default_hooks = dict(phases=dict(phases=[dict(begin=0)]))
