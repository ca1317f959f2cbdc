import pytest

from mmreidmix.results.checkpoint_selection import selection_rule

SOURCE = dict(type='MSMT17', data_root='m', role='labelled',
              pid_range=(0, 833))
HELD_OUT = dict(type='SourceValidationSet', dataset=dict(
    type='MSMT17', data_root='m', pid_range=(833, 1041)))
TARGET = dict(type='Market1501', data_root='t')


def config(sources, domains, save_best='x/mAP'):
    return {
        'train_cfg': {'max_epochs': 60},
        'default_hooks': {'checkpoint': {'save_best': save_best}},
        'train_dataloader': {'dataset': {'domains': sources}},
        'val_dataloader': {'dataset': {'domains': domains}}
    }


@pytest.mark.parametrize('file, meta, rule', [
    ('none', {}, 'untrained'),
    ('epoch_60.pth', {'epoch': 60, 'iter': 9}, 'last'),
    ('renamed.pth', {'epoch': 60, 'iter': 9}, 'last'),
    ('epoch_30.pth', {'epoch': 30, 'iter': 9}, 'epoch 30 of 60'),
    ('converted.pth', {}, 'unknown'),
    ('work/best_x_mAP_epoch_60.pth', {'epoch': 60}, 'source_val'),
])
def test_rule_of_a_file(file, meta, rule):
    cfg = config([SOURCE], [HELD_OUT])
    assert selection_rule(file, meta, cfg) == rule


def test_iterations():
    cfg = {'train_cfg': {'max_iters': 500}}
    meta = {'epoch': 0, 'iter': 400}
    assert selection_rule('a.pth', meta, cfg) == 'iteration 400 of 500'
    assert selection_rule('a.pth', {'iter': 500}, cfg) == 'last'


@pytest.mark.parametrize('sources, domains, save_best, rule', [
    ([SOURCE], [TARGET], 'x/mAP', 'oracle'),
    ([SOURCE], [HELD_OUT, TARGET], 'mean/mAP', 'oracle'),
    ([SOURCE], [HELD_OUT, TARGET], 'auto', 'oracle'),
    ([SOURCE], [HELD_OUT, TARGET], 'msmt-val/mAP', 'oracle'),  # which one?
    ([SOURCE], [dict(HELD_OUT, name='v'), TARGET], 'v/mAP', 'source_val'),
    ([SOURCE], [HELD_OUT], ['v/mAP'], 'source_val'),
    ([SOURCE], [HELD_OUT], 'mean/mAP', 'source_val'),
    ([SOURCE], [dict(HELD_OUT, type='HeldOutSource')], 'v/mAP', 'source_val'),
    # its people are trained on, without labels, or not at all
    ([dict(SOURCE, pid_range=(0, 900))], [HELD_OUT], 'v/mAP', 'oracle'),
    ([dict(SOURCE, pid_range=None)], [HELD_OUT], 'v/mAP', 'oracle'),
    ([dict(SOURCE, role='unlabelled')], [HELD_OUT], 'v/mAP', 'oracle'),
    ([TARGET], [HELD_OUT], 'v/mAP', 'oracle'),
    ([], [], 'v/mAP', 'oracle'),
])
def test_best_checkpoints(sources, domains, save_best, rule):
    cfg = config(sources, domains, save_best)
    assert selection_rule('best_v_epoch_3.pth', {}, cfg) == rule


def test_what_the_user_states():
    cfg = config([SOURCE], [TARGET])
    assert selection_rule('a.pth', {}, cfg, 'last') == 'last'
    assert selection_rule('best_a.pth', {}, cfg, 'oracle') == 'oracle'
    with pytest.raises(ValueError, match="is 'oracle' by its name.*'last'"):
        selection_rule('best_a.pth', {}, cfg, 'last')
    with pytest.raises(ValueError, match="one of 'last', .* got 'first'"):
        selection_rule('a.pth', {}, cfg, 'first')
