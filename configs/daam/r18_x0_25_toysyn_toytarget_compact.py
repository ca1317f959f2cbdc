# The domain similarity loss as the distance to the mean of all others.
_base_ = './r18_x0_25_toysyn_toytarget.py'

model = dict(similarity=dict(_delete_=True, type='CompactnessLoss'))
