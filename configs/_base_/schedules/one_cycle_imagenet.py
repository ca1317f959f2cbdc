# ImageNet's weights have further to go than those that know people.
_base_ = './one_cycle.py'

optim_wrapper = dict(optimizer=dict(lr=1e-3))
