# Unsupervised domain adaptation: labelled PersonX, the training images of
# MSMT17 without labels; tested on MSMT17. The target is seen: not to be
# compared with the other protocols.
_base_ = ['../personx_msmt17.py']

# what results carry beside the test sets
protocol = (
    'unsupervised domain adaptation: '
    'PersonX + MSMT17 without labels, training parts')
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='MSMT17',
                data_root='data/msmt17'),
        ]))
test_dataloader = val_dataloader
