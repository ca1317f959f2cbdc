# Without the domain-specific loss.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(loss_weights=dict(specific=0))
