_base_ = [
    '../_base_/models/domainmix_r50.py',
    '../_base_/datasets/randperson_msmt17.py',
    '../_base_/schedules/domainmix_fixed.py',
]

model = dict(id_head=dict(max_classes=8000 + 32621 // 5))
default_hooks = dict(pseudo_labels=dict(pipeline=_base_.test_pipeline))
