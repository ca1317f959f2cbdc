_base_ = [
    '../_base_/models/remix_r50_ibn.py',
    '../_base_/datasets/remix_msmt17_luperson.py',
    '../_base_/schedules/remix.py',
]

# Long epochs: their start, which embeds what is labelled and drawn, is then a
# small part of them.
train_dataloader = dict(batch_sampler=dict(iters_per_epoch=2000))
default_hooks = dict(
    pseudo_labels=dict(pipeline=_base_.test_pipeline, num_workers=4))
