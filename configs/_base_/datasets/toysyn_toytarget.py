# Toy pedestrians, adaptation: labelled 'synthetic', the training images of
# 'target' without labels; tested on 'target'.
#   python tools/dataset_converters/make_toy_data.py data/toy/synthetic \
#       --layout personx-visda --style synthetic --ids 200 --seed 1
#   python tools/dataset_converters/make_toy_data.py data/toy/target \
#       --layout market1501 --style real_b --ids 150 --test-ids 60 --seed 1
_base_ = './toysyn_toyreal.py'

protocol = 'unsupervised domain adaptation: toy synthetic + toy target'
_target = dict(
    type='Market1501', data_root='data/toy/target', name='toy-target')
train_dataloader = dict(
    batch_sampler=dict(
        quotas=dict(
            _delete_=True, **{
                'toy-synthetic': 1,
                'toy-target': 1,
            })),
    dataset=dict(
        domains=[
            _base_.train_dataloader.dataset.domains[0],
            dict(role='unlabelled', **_target),
        ]))
val_dataloader = dict(dataset=dict(domains=[_target]))
test_dataloader = val_dataloader
