# Protocols of the field: who is trained on, who is tested. A recipe takes one:
#   _p = _base_._protocols.uda_market1501_msmt17
#   protocol = _p.protocol  # what results carry
#   train_dataloader = dict(dataset=_p.train)
#   val_dataloader = dict(dataset=_p.test)
#   test_dataloader = val_dataloader
_base_ = './domains.py'

_d = _base_._domains
_names = dict(
    market1501='Market-1501',
    msmt17='MSMT17',
    msmt17_merged='MSMT17',
    dukemtmc='DukeMTMC-reID',
    cuhk02='CUHK02',
    cuhk03='CUHK03-NP',
    cuhk_sysu='CUHK-SYSU',
    luperson='LUPerson',
    personx='PersonX',
    randperson='RandPerson',
    unrealperson='UnrealPerson')
_protocols = dict()

# Domain generalisation, protocol 1: all images of four sets; tested on the
# mean of ten splits of four small sets, which are not seen. Each image is
# embedded once for all splits: val_evaluator = dict(type='SplitReIDMetric').
_protocols['dg_p1'] = dict(
    protocol='DG protocol 1: '
    'Market-1501 + CUHK02 + CUHK03-NP + CUHK-SYSU, all parts',
    train=dict(domains=[
        dict(_d.market1501, subset='all', role='labelled'),
        dict(_d.cuhk02, subset='all', role='labelled'),
        dict(_d.cuhk03, subset='all', role='labelled'),
        dict(_d.cuhk_sysu, role='labelled'),
    ]),
    test=dict(
        type='SharedRetrievalDataset',
        domains=[
            dict(_d[name], split=split)
            for name in ('prid2011', 'grid', 'viper', 'ilids')
            for split in range(10)
        ]))

# Protocols 2 and 3: three of four sets, tested on the fourth, which is not
# seen. 2: their training parts; 3: all images. CUHK-SYSU has no other part
# than that for training.
_four = ('market1501', 'msmt17', 'cuhk_sysu', 'cuhk03')
for _target in ('market1501', 'msmt17', 'cuhk03'):
    _sources = [name for name in _four if name != _target]
    _text = ' + '.join(_names[name] for name in _sources)
    _protocols[f'dg_p2_{_target}'] = dict(
        protocol=f'DG protocol 2: {_text}, training parts',
        train=dict(
            domains=[dict(_d[name], role='labelled') for name in _sources]),
        test=dict(domains=[_d[_target]]))
    _protocols[f'dg_p3_{_target}'] = dict(
        protocol=f'DG protocol 3: {_text}, all parts',
        train=dict(domains=[
            dict(_d[name], role='labelled') if name ==
            'cuhk_sysu' else dict(_d[name], subset='all', role='labelled')
            for name in _sources
        ]),
        test=dict(domains=[_d[_target]]))

# Direct cross-dataset: one labelled set, tested on others, which are not seen.
for _source, _targets in (
        ('market1501', ('msmt17', 'cuhk03')),
        ('msmt17', ('market1501', 'cuhk03')),
        ('msmt17_merged', ('market1501', 'cuhk03')),
        ('randperson', ('market1501', 'msmt17', 'cuhk03'))):
    _part = 'all' if _source == 'msmt17_merged' else 'training'
    _protocols[f'direct_{_source}'] = dict(
        protocol=f'direct cross-dataset: {_names[_source]}, {_part} parts',
        train=dict(domains=[dict(_d[_source], role='labelled')]),
        test=dict(domains=[_d[name] for name in _targets]))

# DomainMix: labelled synthetic and unlabelled real images; ReMix: a labelled
# set and videos. Tested on sets of which nothing is seen.
for _method, _labelled, _unlabelled, _targets in (
        ('domainmix', 'randperson', 'market1501', ('msmt17', 'cuhk03')),
        ('domainmix', 'randperson', 'msmt17', ('market1501', 'cuhk03')),
        ('domainmix', 'randperson', 'cuhk03', ('market1501', 'msmt17')),
        ('remix', 'market1501', 'luperson', ('msmt17', 'cuhk03')),
        ('remix', 'msmt17', 'luperson', ('market1501', 'cuhk03')),
        ('remix', 'msmt17_merged', 'luperson', ('market1501', 'cuhk03'))):
    _title = dict(domainmix='DomainMix', remix='ReMix')[_method]
    _part = ('all labelled'
             if _labelled == 'msmt17_merged' else 'training')
    _protocols[f'{_method}_{_labelled}_{_unlabelled}'] = dict(
        protocol=f'{_title}: {_names[_labelled]} + {_names[_unlabelled]} '
        f'without labels, {_part} parts',
        train=dict(domains=[
            dict(_d[_labelled], role='labelled'),
            dict(_d[_unlabelled], role='unlabelled'),
        ]),
        test=dict(domains=[_d[name] for name in _targets]))

# Unsupervised domain adaptation: a labelled source, the training images of
# the target without labels; tested on the target. The target is seen: not to
# be compared with the other protocols.
for _source, _target in (
        ('dukemtmc', 'market1501'), ('dukemtmc', 'msmt17'),
        ('market1501', 'dukemtmc'), ('market1501', 'msmt17'),
        ('msmt17', 'market1501'), ('personx', 'market1501'),
        ('personx', 'msmt17'), ('randperson', 'market1501'),
        ('randperson', 'msmt17'), ('unrealperson', 'market1501'),
        ('unrealperson', 'msmt17')):
    _protocols[f'uda_{_source}_{_target}'] = dict(
        protocol='unsupervised domain adaptation: '
        f'{_names[_source]} + {_names[_target]} without labels, training '
        'parts',
        train=dict(domains=[
            dict(_d[_source], role='labelled'),
            dict(_d[_target], role='unlabelled'),
        ]),
        test=dict(domains=[_d[_target]]))
