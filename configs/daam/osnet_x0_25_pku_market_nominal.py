# The domain similarity loss as a classifier of shared and specific features.
_base_ = './osnet_x0_25_pku_market.py'

model = dict(similarity=dict(_delete_=True, type='NominalClassLoss'))
