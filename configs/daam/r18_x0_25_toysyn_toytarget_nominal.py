# The domain similarity loss as a classifier of shared and specific features.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(similarity=dict(_delete_=True, type='NominalClassLoss'))
