# The labelled people alone: what the videos add.
_base_ = './osnet_x0_25_mixture_market_videos.py'

train_dataloader = dict(
    batch_sampler=dict(quotas=None),
    dataset=dict(
        domains=[dict(_base_._domains.market1501_dev_300, role='labelled')]))
