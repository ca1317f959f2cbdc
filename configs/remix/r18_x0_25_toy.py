# Toy data, a narrow ResNet-18 from scratch, minutes on a CPU.
_base_ = [
    '../_base_/models/remix_r18_x0_25.py',
    '../_base_/datasets/remix_toy.py',
    '../_base_/schedules/remix_cpu.py',
]

# People of one video side by side, and nobody else to be told from: against
# other videos the background is enough.
model = dict(negatives='video')
train_dataloader = dict(batch_sampler=dict(same_camera={'toy-videos': 8}))
default_hooks = dict(
    pseudo_labels=dict(
        pipeline=_base_.test_pipeline,
        # A person has 8 images in a video.
        clustering=dict(k1=8),
        # Features of an untrained network can not be clustered.
        begin=3,
        max_images=4000))
