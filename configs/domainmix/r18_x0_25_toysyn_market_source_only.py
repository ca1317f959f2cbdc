# The labelled toy pedestrians alone.
_base_ = './r18_x0_25_toysyn_market.py'

train_dataloader = dict(
    batch_sampler=dict(quotas=dict(_delete_=True, **{'toy-synthetic': 1})))
default_hooks = dict(
    pseudo_labels=dict(begin=10000),
    phases=dict(phases=[dict(begin=0)]))
