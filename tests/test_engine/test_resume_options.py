import pytest
from mmengine.config import Config

from mmreidmix.engine.build_runner import take_resume


@pytest.fixture
def work_dir(tmp_path):
    (tmp_path / 'epoch_2.pth').touch()
    return tmp_path


@pytest.mark.parametrize('options, file, start', [
    (dict(load_from='start.pth'), None, 'start.pth'),
    (dict(load_from='start.pth', resume=False), None, 'start.pth'),
    (dict(load_from='start.pth', resume='auto'), 'epoch_2.pth', 'start.pth'),
    (dict(load_from='start.pth', resume='a.pth'), 'a.pth', 'start.pth'),
    # as MMEngine understands them
    (dict(resume=True), 'epoch_2.pth', None),
    (dict(load_from='a.pth', resume=True), 'a.pth', None),
])
def test_what_is_resumed_and_what_is_the_start(work_dir, options, file,
                                               start):
    cfg = Config(dict(options, work_dir=str(work_dir)))
    found = take_resume(cfg)
    expected = str(work_dir / file) if file == 'epoch_2.pth' else file
    assert (found, cfg.get('load_from')) == (expected, start)
    assert 'resume' not in cfg


def test_nothing_to_resume(tmp_path, capsys):
    cfg = Config(dict(resume='auto', work_dir=str(tmp_path / 'new')))
    assert take_resume(cfg) is None
    assert 'the training begins anew' in capsys.readouterr().out
