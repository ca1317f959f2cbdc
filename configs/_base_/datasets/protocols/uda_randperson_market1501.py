# Unsupervised domain adaptation: labelled RandPerson, the training images of
# Market-1501 without labels; tested on Market-1501. The target is seen: not to
# be compared with the other protocols.
_base_ = ['../randperson_market1501.py']

# what results carry beside the test sets
protocol = (
    'unsupervised domain adaptation: '
    'RandPerson + Market-1501 without labels, training parts')
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/market1501'),
        ]))
test_dataloader = val_dataloader
