"""Whole ReMix runs, killed and resumed."""

import pytest

from tests.test_engine.test_resume import assert_equal, killed_run, losses
from tests.tiny import checkpoint, train
from tests.tiny_remix import tiny_remix_config


@pytest.mark.parametrize('refresh', ['epoch', 'online'])
def test_killed_and_resumed_equals_uninterrupted(toy, tmp_path, refresh):
    config = tmp_path / 'config.py'
    tiny_remix_config(
        toy,
        train_cfg__max_epochs=3,
        default_hooks__pseudo_labels__refresh=refresh,
        default_hooks__checkpoint__max_keep_ckpts=-1).dump(config)
    train(config, tmp_path / 'whole')
    killed_run(config, tmp_path / 'killed', 1)
    train(config, tmp_path / 'killed', '--resume')
    a, b = (checkpoint(tmp_path / run, 3) for run in ('whole', 'killed'))
    parts = ['state_dict', 'label_table', 'optimizer']
    if refresh == 'online':
        parts.append('centroids_memory')
    for part in parts:
        assert_equal(a[part], b[part], part)
    assert int(a['state_dict']['momentum_encoder.steps']) == 12
    assert losses(tmp_path / 'whole') == losses(tmp_path / 'killed')
    assert len(losses(tmp_path / 'whole')) == 12
