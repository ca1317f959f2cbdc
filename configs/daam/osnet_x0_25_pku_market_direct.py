# Direct transfer: identity and triplet loss on the labelled images alone.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(
    attention=None, specific_head=None, similarity=None, target=None)
train_dataloader = dict(
    dataset=dict(domains=[dict(_base_._domains.pku_reid, role='labelled')]))
