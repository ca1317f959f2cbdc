# Without attention, and so without both losses on it.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(attention=None, specific_head=None, similarity=None)
