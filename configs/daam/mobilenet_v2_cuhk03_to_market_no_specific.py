# Without the domain-specific loss.
_base_ = './mobilenet_v2_cuhk03_to_market.py'

model = dict(specific_head=None)
