# DomainMix: labelled RandPerson, unlabelled Market-1501; tested on MSMT17 and
# CUHK03-NP, of which nothing is seen.
_base_ = ['../randperson_market1501.py']

# what results carry beside the test sets
protocol = (
    'DomainMix: '
    'RandPerson + Market-1501 without labels, training parts')
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='MSMT17',
                data_root='data/msmt17'),
            dict(
                type='CUHK03NP',
                data_root='data/cuhk03-np'),
        ]))
test_dataloader = val_dataloader
