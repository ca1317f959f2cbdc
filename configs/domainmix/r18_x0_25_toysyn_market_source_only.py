# The labelled toy pedestrians alone.
_base_ = './r18_x0_25_toysyn_market.py'

train_dataloader = dict(
    dataset=dict(
        domains=[dict(_base_._domains.toy_synthetic, role='labelled')]))
default_hooks = dict(phases=dict(phases=[dict(begin=0)]))
