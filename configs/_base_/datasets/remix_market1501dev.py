# Real images on a CPU: 300 labelled people of Market-1501 (here a re-split of
# its training images, `market1501-dev`); unlabelled, the other 301 as one
# video per (camera, sequence), and crops of PETS 2009. Tested on PKU-Reid,
# which is not seen, and on the held-out identities of Market-dev. Real data
# lie in the folder that MMREIDMIX_REALDATA names; the crops are written by
#   python tools/dataset_converters/mot_crops.py \
#       $MMREIDMIX_REALDATA/pets2009/vtest.avi data/pets2009 \
#       --boxes $MMREIDMIX_REALDATA/pets2009/det.txt --name S2L1 \
#       --link 0.3 --every 5 --clip 100
_base_ = ['./remix_pipeline_128x64_colour.py', './loaders_cpu.py']

_realdata = '{{$MMREIDMIX_REALDATA:data}}'
train_dataloader = dict(
    # 64 labelled images and 32 of videos
    batch_size=96,
    batch_sampler=dict(
        quotas={
            'market1501-dev': 8,
            'market1501-dev-videos': 3,
            'pets2009': 1,
        },
        iters_per_epoch=80),
    dataset=dict(
        domains=[
            dict(
                type='Market1501',
                data_root=f'{_realdata}/market1501',
                name='market1501-dev',
                pid_range=(0, 300),
                role='labelled'),
            dict(
                type='Market1501',
                data_root=f'{_realdata}/market1501',
                name='market1501-dev-videos',
                pid_range=(300, 601),
                tracklets='sequence',
                single_camera='tracklet',
                role='unlabelled'),
            dict(
                type='VideoTree',
                data_root='data/pets2009',
                name='pets2009',
                video_parts=2,
                role='unlabelled'),
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        domains=[
            dict(
                type='PKUReid',
                data_root=f'{_realdata}/pku_reid'),
            dict(
                type='Market1501',
                data_root=f'{_realdata}/market1501',
                name='market1501-dev'),
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
