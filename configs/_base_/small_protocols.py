# Small real mixtures, trained in minutes on a CPU. The first: a labelled set
# and another one without labels; PKU-Reid is not seen. The second: labelled
# people, and videos of others by single cameras; PKU-Reid and CUHK03-dev's
# test people are not seen.
_base_ = './domains.py'

_d = _base_._domains
_protocols = dict()
_small = dict(domains=[_d.pku_reid, _d.market1501_dev, _d.cuhk03_dev])
_protocols['cuhk03_dev_market1501_dev'] = dict(
    protocol='small: CUHK03-dev + Market-1501-dev without labels, training '
    'parts',
    train=dict(domains=[
        dict(_d.cuhk03_dev, role='labelled'),
        dict(_d.market1501_dev, role='unlabelled'),
    ]),
    test=_small)
_protocols['market1501_dev_300_videos'] = dict(
    protocol='small: 300 people of Market-1501-dev + single-camera videos of '
    'others, of CUHK03-dev and of PETS 2009, without labels',
    train=dict(domains=[
        dict(_d.market1501_dev_300, role='labelled'),
        dict(_d.market1501_dev_videos, role='unlabelled'),
        dict(_d.cuhk03_dev_videos, role='unlabelled'),
        dict(_d.pets2009, role='unlabelled'),
    ]),
    test=_small)
