# Toy data, a narrow ResNet-18 from scratch, minutes on a CPU.
_base_ = [
    '../_base_/models/remix_r18_x0_25.py',
    '../_base_/datasets/remix_toy.py',
    '../_base_/schedules/remix_cpu.py',
]

default_hooks = dict(
    pseudo_labels=dict(
        pipeline=_base_.test_pipeline,
        # Features of an untrained network can not be clustered.
        begin=3,
        max_images=4000))
