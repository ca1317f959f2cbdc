# The same labelled images in each batch, and no others.
_base_ = './osnet_x0_25_market.py'

train_dataloader = dict(
    batch_size=64,
    batch_sampler=dict(quotas=None),
    dataset=dict(domains=[_base_._labelled]))
