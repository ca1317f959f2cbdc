# As the released code behaves; see docs/en/methods/domainmix.md.
_base_ = [
    '../_base_/models/domainmix_r50_released.py',
    '../_base_/datasets/personx_msmt17.py',
    '../_base_/schedules/domainmix_released.py',
]

model = dict(id_head=dict(max_classes=410 + 32621 // 5))
default_hooks = dict(pseudo_labels=dict(pipeline=_base_.test_pipeline))
train_dataloader = dict(
    batch_sampler=dict(quotas=None, iters_per_epoch=2000))
