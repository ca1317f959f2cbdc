# Loading is ten times faster than training on a CPU: no workers.
_base_ = ['./loaders.py']

train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0)
test_dataloader = val_dataloader
