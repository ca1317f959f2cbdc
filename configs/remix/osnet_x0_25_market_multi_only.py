# The same labelled images in each batch, and no others.
_base_ = './osnet_x0_25_market.py'

train_dataloader = dict(
    batch_size=64,
    batch_sampler=dict(quotas=dict(_delete_=True, **{'market1501-dev': 1})))
