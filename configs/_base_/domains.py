# Public data sets and the small ones of the examples, by name. A recipe says
# what a domain is used for:
#   _d = _base_._domains
#   domains=[dict(_d.personx, role='labelled'),
#            dict(_d.msmt17, role='unlabelled')]
# Names that begin with an underscore are helpers: a run does not see them.

# Real data of the small examples lie in the folder that MMREIDMIX_REALDATA
# names.
_realdata = '{{$MMREIDMIX_REALDATA:data}}'
_market_dev = dict(
    type='Market1501',
    data_root=f'{_realdata}/market1501',
    name='market1501-dev')
_cuhk03_dev = dict(
    type='Market1501', data_root=f'{_realdata}/cuhk03_dev', name='cuhk03-dev')

_domains = dict(
    # real
    market1501=dict(type='Market1501', data_root='data/market1501'),
    msmt17=dict(type='MSMT17', data_root='data/msmt17'),
    # all parts joined: 126,441 images, 4,101 people
    msmt17_merged=dict(type='MSMT17', data_root='data/msmt17', subset='all'),
    dukemtmc=dict(type='DukeMTMCReID', data_root='data/dukemtmc'),
    cuhk02=dict(type='CUHK02', data_root='data/cuhk02'),
    cuhk03=dict(type='CUHK03NP', data_root='data/cuhk03-np'),
    cuhk_sysu=dict(type='CUHKSYSU', data_root='data/cuhk-sysu'),
    prid2011=dict(type='PRID2011', data_root='data/prid2011'),
    grid=dict(type='GRID', data_root='data/grid'),
    viper=dict(type='VIPeR', data_root='data/viper'),
    ilids=dict(type='QMULiLIDS', data_root='data/ilids119'),
    luperson=dict(type='LUPerson', data_root='data/luperson'),
    # synthetic
    personx=dict(type='PersonX', data_root='data/personx'),
    randperson=dict(type='RandPerson', data_root='data/randperson'),
    unrealperson=dict(type='UnrealPerson', data_root='data/unrealperson'),
    # real, small
    pku_reid=dict(type='PKUReid', data_root=f'{_realdata}/pku_reid'),
    # detected boxes of CUHK03's first two cameras, split anew by identity,
    # and its training images as one video for each camera
    cuhk03_dev=_cuhk03_dev,
    cuhk03_dev_videos=dict(
        _cuhk03_dev,
        name='cuhk03-dev-videos',
        tracklets='sequence',
        single_camera='tracklet'),
    # training images of Market-1501, split anew by identity
    market1501_dev=_market_dev,
    # the first 300 people of market1501_dev, and the other 301 as one video
    # for each (camera, sequence)
    market1501_dev_300=dict(_market_dev, pid_range=(0, 300)),
    market1501_dev_videos=dict(
        _market_dev,
        name='market1501-dev-videos',
        pid_range=(300, 601),
        tracklets='sequence',
        single_camera='tracklet'),
    # python tools/dataset_converters/import_domain.py \
    #     $MMREIDMIX_REALDATA/pets2009/vtest.avi data/pets2009 \
    #     --boxes $MMREIDMIX_REALDATA/pets2009/det.txt --camera S2L1 \
    #     --clip 100
    pets2009=dict(type='Domain', data_root='data/pets2009', name='pets2009'),
    # toy pedestrians: tools/dataset_converters/make_toy_data.py OUT with
    # --layout personx-visda --style synthetic --ids 200 --seed 1
    toy_synthetic=dict(
        type='PersonX', data_root='data/toy/synthetic', name='toy-synthetic'),
    # --layout market1501 --style real_a --ids 150 --test-ids 10 --seed 1
    toy_real_a=dict(
        type='Market1501', data_root='data/toy/real_a', name='toy-real_a'),
    # --layout market1501 --style unseen --ids 10 --test-ids 60 --seed 1
    toy_unseen=dict(
        type='Market1501', data_root='data/toy/unseen', name='toy-unseen'),
    # --layout market1501 --style real_b --ids 150 --test-ids 60 --seed 1
    toy_target=dict(
        type='Market1501', data_root='data/toy/target', name='toy-target'),
    # --layout videos --style real_b --ids 720 --cameras 120 --seed 1
    # The people in the names of the files are there to judge clusters by; no
    # part of the training sees them.
    toy_videos=dict(
        type='VideoTree',
        data_root='data/toy/videos',
        name='toy-videos',
        pattern=r'(?P<video>[^/]+)/'
        r'(?P<track>p(?P<pid>\d+)_t\d+)_\d+\.jpg'),
    # tools/demo/toy_model.py
    toy_people=dict(
        type='Market1501', data_root='data/toy/demo_people',
        name='toy-people'))
