# Domain generalisation, protocol 1: all images of Market-1501, CUHK02, CUHK03
# and CUHK-SYSU; tested on the mean of ten splits of PRID2011, GRID, VIPeR and
# QMUL i-LIDS, which are not seen. Each image is embedded once for all splits.
_base_ = ['../pipeline_256x128.py', '../loaders.py']

# what results carry beside the test sets
protocol = (
    'DG protocol 1: '
    'Market-1501 + CUHK02 + CUHK03-NP + CUHK-SYSU, all parts')
train_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root='data/market1501',
                subset='all',
                role='labelled'),
            dict(
                type='CUHK02',
                data_root='data/cuhk02',
                subset='all',
                role='labelled'),
            dict(
                type='CUHK03NP',
                data_root='data/cuhk03-np',
                subset='all',
                role='labelled'),
            dict(
                type='CUHKSYSU',
                data_root='data/cuhk-sysu',
                role='labelled'),
        ],
        pipeline=_base_.train_pipeline))
_targets = {
    'PRID2011': 'data/prid2011',
    'GRID': 'data/grid',
    'VIPeR': 'data/viper',
    'QMULiLIDS': 'data/ilids119',
}
val_dataloader = dict(
    dataset=dict(
        type='SharedRetrievalDataset',
        domains=[
            dict(type=target, data_root=root, split=split)
            for target, root in _targets.items() for split in range(10)
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='SplitReIDMetric')
test_evaluator = val_evaluator
