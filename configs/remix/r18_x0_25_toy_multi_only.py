# The labelled toy pedestrians alone.
_base_ = './r18_x0_25_toy.py'

train_dataloader = dict(
    batch_sampler=dict(same_camera=None),
    dataset=dict(domains=[_base_._labelled]))
