# Direct transfer: identity and triplet loss on the labelled images alone.
_base_ = './mobilenet_v2_cuhk03_to_market.py'

model = dict(
    attention=None, specific_head=None, similarity=None, target=None)
train_dataloader = dict(
    batch_sampler=dict(quotas=None),
    dataset=dict(
        domains=[dict(_base_._domains.cuhk03_dev, role='labelled')]))
