# ReMix: labelled MSMT17 with all its parts joined, videos of LUPerson; tested
# on Market-1501 and CUHK03-NP, which are not seen.
_base_ = ['../remix_msmt17merged_luperson.py']

# what results carry beside the test sets
protocol = (
    'ReMix: '
    'MSMT17 + LUPerson without labels, all labelled parts')
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
