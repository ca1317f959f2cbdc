# Without the identity loss.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(loss_weights=dict(id=0))
