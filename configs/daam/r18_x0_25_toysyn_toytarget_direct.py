# Direct transfer: identity and triplet loss on the labelled images alone.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(
    attention=None, specific_head=None, similarity=None, target=None)
train_dataloader = dict(
    dataset=dict(
        domains=[dict(_base_._domains.toy_synthetic, role='labelled')]))
