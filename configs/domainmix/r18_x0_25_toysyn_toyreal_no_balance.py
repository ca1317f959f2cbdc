# DomainMix without the domain balance loss.
_base_ = './r18_x0_25_toysyn_toyreal.py'

default_hooks = dict(phases=dict(phases=[dict(begin=0)]))
