# Upper bound: joint training with the true identities of Market-1501.
_base_ = './r18_x0_25_toysyn_market.py'

default_hooks = dict(
    pseudo_labels=dict(oracle=True, begin=0, interval=None),
    phases=dict(phases=[dict(begin=0)]))
