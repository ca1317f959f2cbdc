# The same, with an optimizer of its own for the discriminator.
_base_ = './one_cycle.py'

optim_wrapper = dict(constructor='AlternatingOptimWrapperConstructor')
