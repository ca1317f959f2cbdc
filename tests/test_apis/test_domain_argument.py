import argparse

import pytest

from mmreidmix.apis.app.domain_argument import check_domains, parse_domain


@pytest.mark.parametrize('text, path, options', [
    ('Market1501:data/market', 'data/market', {}),
    (r'Market1501:C:\data\market', r'C:\data\market', {}),
    ('Market1501:C:/data:name=shop', 'C:/data', dict(name='shop')),
    ('Market1501:/data/12:30', '/data/12:30', {}),
    ('Market1501:data:subset=train,junk_pids=[3]', 'data',
     dict(subset='train', junk_pids=[3])),
    (r'Domain:data:images=C:\x,name=a', 'data',
     dict(images=r'C:\x', name='a'))])
def test_paths_may_hold_colons(text, path, options):
    assert parse_domain(text) == dict(
        type='Market1501' if 'Market' in text else 'Domain',
        data_root=path, **options)


@pytest.mark.parametrize('text, message', [
    ('Market1501', 'TYPE:PATH'), ('Market1501:', 'TYPE:PATH'),
    (':data', 'TYPE:PATH'),
    ('Market1501:data:name=a,b', "'b' in .* is not KEY=VALUE")])
def test_what_is_no_domain(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        parse_domain(text)


def test_types_of_domains():
    check_domains([parse_domain('Market1501:data')])
    for kind in ('Nobody', 'DomainMixture'):
        with pytest.raises(ValueError, match='no data set type; there are .*'
                           'Market1501'):
            check_domains([parse_domain(f'{kind}:data')])
