# Without attention, and so without both losses on it.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(attention=None, specific_head=None, similarity=None)
