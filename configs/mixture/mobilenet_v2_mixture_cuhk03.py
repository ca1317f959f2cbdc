# The labelled images alone with the losses of the recommended recipe: what of
# its gain the losses bring, and what the unlabelled images.
_base_ = './mobilenet_v2_mixture_cuhk03_market.py'

train_dataloader = dict(
    batch_sampler=dict(quotas=None),
    dataset=dict(
        domains=[dict(_base_._domains.cuhk03_dev, role='labelled')]))
