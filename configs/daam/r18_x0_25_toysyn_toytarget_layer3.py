# Attention behind an earlier stage.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(attention=dict(after='layer3'))
