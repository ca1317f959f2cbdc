# Upper bound: joint training with the true identities of Market-1501.
_base_ = './osnet_x0_25_toysyn_market.py'

default_hooks = dict(
    pseudo_labels=dict(oracle=True, interval=None),
    phases=dict(phases=[dict(begin=0)]))
