# DomainMix: labelled RandPerson, unlabelled MSMT17; tested on Market-1501 and
# CUHK03-NP, of which nothing is seen.
_base_ = ['../randperson_msmt17.py']

# what results carry beside the test sets
protocol = (
    'DomainMix: '
    'RandPerson + MSMT17 without labels, training parts')
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/market1501'),
            dict(
                type='CUHK03NP',
                data_root='data/cuhk03-np'),
        ]))
test_dataloader = val_dataloader
