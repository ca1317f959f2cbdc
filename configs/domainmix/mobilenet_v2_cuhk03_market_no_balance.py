# DomainMix without the domain balance loss.
_base_ = './mobilenet_v2_cuhk03_market.py'

default_hooks = dict(phases=dict(phases=[dict(begin=0)]))
