import shutil

import pytest

from mmreidmix.datasets import Market1501, ReIDRecords, RetrievalDataset

PIPELINE = [dict(type='LoadReIDImage'), dict(type='PackReIDInputs')]


def domain(toy, style, **options):
    return dict(
        type='Market1501',
        data_root=str(toy / style),
        name=options.pop('name', style),
        **options)


@pytest.fixture(scope='module')
def dataset(toy):
    return RetrievalDataset(
        [domain(toy, 'unseen'), domain(toy, 'real_a')], PIPELINE)


def test_query_and_gallery_of_each_domain_in_a_row(dataset):
    assert [(p.name, p.subset) for p in dataset.parts] == [
        ('unseen', 'query'), ('unseen', 'gallery'), ('real_a', 'query'),
        ('real_a', 'gallery')
    ]
    assert dataset.metainfo == dict(domains=['unseen', 'real_a'])
    assert len(dataset) == sum(map(len, dataset.parts))
    index = 0
    for number, part in enumerate(dataset.parts):
        for position in range(len(part)):
            info = dataset.get_data_info(index)
            assert info == dict(
                part.get_data_info(position),
                index=index,
                domain=number // 2)
            index += 1
    assert index == len(dataset)


def test_samples_carry_what_the_metric_needs(dataset):
    last = dataset[len(dataset) - 1]
    sample = last['data_samples']
    assert (sample.domain, sample.subset) == (1, 'gallery')
    assert sample.index == len(dataset) - 1
    assert sample.pid == dataset.parts[3].records.pids[-1]
    assert tuple(last['inputs'].shape) == (3, 64, 32)


def test_index_outside_is_an_error(dataset):
    for index in (len(dataset), -1):
        with pytest.raises(IndexError):
            dataset[index]


def test_names_must_differ(toy):
    with pytest.raises(ValueError, match=r"\['a', 'a'\] are not unique"):
        RetrievalDataset(
            [domain(toy, 'unseen', name='a'),
             domain(toy, 'real_a', name='a')])


def test_no_domain():
    with pytest.raises(ValueError, match='`domains` is empty'):
        RetrievalDataset([])


def test_missing_data_set_says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match='make_toy_data.py'):
        RetrievalDataset(
            [dict(type='Market1501', data_root=str(tmp_path / 'gone'))])


def test_files_of_both_sides_are_counted(toy, monkeypatch, log, tmp_path):
    market = domain(toy, 'unseen')
    plain = RetrievalDataset([market])
    assert plain.shared_files == [0]
    assert 'queries too' not in log.text
    queries, gallery = (part.records for part in plain.parts)
    monkeypatch.setattr(
        Market1501, 'load_records', lambda self: queries
        if self.subset == 'query' else ReIDRecords.concat([queries, gallery]))
    dataset = RetrievalDataset([market])
    assert dataset.shared_files == [len(queries)]
    monkeypatch.undo()
    copy = tmp_path / 'copy'
    shutil.copytree(toy / 'unseen', copy)
    first = next(copy.rglob('query/*.jpg'))
    shutil.copy(first, next(copy.rglob('bounding_box_test')))
    assert RetrievalDataset(
        [dict(market, data_root=str(copy))]).shared_files == [1]
    assert (f'{len(queries)} of {len(queries) + len(gallery)} gallery images '
            'are queries too') in log.text
