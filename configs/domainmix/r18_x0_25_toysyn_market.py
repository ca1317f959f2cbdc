# Real images on a CPU without any checkpoint: a narrow ResNet-18 from scratch
# on labelled toy pedestrians and unlabelled Market-1501 images.
_base_ = [
    '../_base_/models/domainmix_r18_x0_25.py',
    '../_base_/datasets/toysyn_market1501dev.py',
    '../_base_/schedules/domainmix_cpu.py',
]

model = dict(id_head=dict(max_classes=200 + 10679 // 5))
train_dataloader = dict(batch_sampler=dict(iters_per_epoch=150))
default_hooks = dict(
    pseudo_labels=dict(
        pipeline=_base_.test_pipeline, clustering=dict(eps=0.5)))
