# The labelled toy pedestrians alone.
_base_ = './r18_x0_25_toy.py'

train_dataloader = dict(
    batch_sampler=dict(quotas=dict(_delete_=True, **{'toy-real_a': 1})))
