# Without the similarity loss.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(similarity=None)
