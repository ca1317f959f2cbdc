# The domain similarity loss as the distance to the mean of all others.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(similarity=dict(_delete_=True, type='CompactnessLoss'))
