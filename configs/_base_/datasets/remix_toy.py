# Toy pedestrians: 50 labelled people of 'real_a' in 6 cameras, 120 unlabelled
# single-camera videos of 'real_b', tested on 'unseen'. The first and the last
# are those of the quick start:
#   python tools/dataset_converters/make_toy_data.py data/toy/real_a \
#       --layout market1501 --style real_a --ids 150 --test-ids 10 --seed 1
#   python tools/dataset_converters/make_toy_data.py data/toy/videos \
#       --layout videos --style real_b --ids 720 --cameras 120 --seed 1
#   python tools/dataset_converters/make_toy_data.py data/toy/unseen \
#       --layout market1501 --style unseen --ids 10 --test-ids 60 --seed 1
# The people in the names of the videos are there to judge clusters by; no
# part of the training sees them.
_base_ = ['./remix_pipeline_128x64.py', './loaders_cpu.py']

train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'toy-real_a': 1,
            'toy-videos': 1,
        },
        iters_per_epoch=150),
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/toy/real_a',
                name='toy-real_a',
                pid_range=(0, 50),
                role='labelled'),
            dict(
                type='VideoTree',
                data_root='data/toy/videos',
                name='toy-videos',
                pattern=r'(?P<video>[^/]+)/'
                r'(?P<track>p(?P<pid>\d+)_t\d+)_\d+\.jpg',
                role='unlabelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/toy/unseen',
                name='toy-unseen'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
