# Without the target loss.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(target=None)
