# Direct transfer: identity and triplet loss on the labelled images alone.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(
    attention=None, specific_head=None, similarity=None, target=None)
train_dataloader = dict(
    batch_sampler=dict(quotas=dict(_delete_=True, **{'pku-reid': 1})))
default_hooks = dict(pseudo_labels=dict(begin=10000))
