# The same with labels: 300 labelled people of Market-1501-dev and, without
# labels, videos of other people by single cameras. PKU-Reid is not seen.
_base_ = './osnet_x0_25_mixture_market.py'

_p = _base_._protocols.market1501_dev_300_videos
protocol = _p.protocol
model = dict(triplet=dict(type='BatchHardTripletLoss'))
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'market1501-dev': 8,
            'market1501-dev-videos': 4,
            'cuhk03-dev-videos': 3,
            'pets2009': 1
        },
        iters_per_epoch=240),
    dataset=_p.train)
# Labels keep more of what the start knows than images without labels do.
default_hooks = dict(start_share=dict(share=0.1))
