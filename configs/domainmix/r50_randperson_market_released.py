# As the released code behaves; see docs/en/methods/domainmix.md.
_base_ = [
    '../_base_/models/domainmix_r50_released.py',
    '../_base_/datasets/randperson_market1501.py',
    '../_base_/schedules/domainmix_released.py',
]

model = dict(id_head=dict(max_classes=8000 + 12936 // 5))
default_hooks = dict(pseudo_labels=dict(pipeline=_base_.test_pipeline))
train_dataloader = dict(
    batch_sampler=dict(quotas=None, iters_per_epoch=2000))
