# ReMix: labelled Market-1501, videos of LUPerson; tested on MSMT17 and
# CUHK03-NP, which are not seen.
_base_ = ['../remix_market1501_luperson.py']

# what results carry beside the test sets
protocol = (
    'ReMix: '
    'Market-1501 + LUPerson without labels, training parts')
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
