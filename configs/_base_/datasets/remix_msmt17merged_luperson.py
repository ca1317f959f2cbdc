# Labelled MSMT17 with all its parts joined (126,441 images, 4,101 people),
# videos of LUPerson; tested on Market-1501, which is not seen.
_base_ = ['./remix_msmt17_luperson.py']

train_dataloader = dict(
    batch_sampler=dict(
        quotas=dict(
            _delete_=True, **{
                'msmt17-v1-merged': 1,
                'luperson': 1,
            })),
    dataset=dict(
        domains=[
            dict(
                type='MSMT17',
                data_root='data/msmt17',
                subset='all',
                role='labelled'),
            dict(
                type='LUPerson',
                data_root='data/luperson',
                role='unlabelled'),
        ]))
