"""Config files that can not be read."""

import pytest

from mmreidmix.config_file import read_config

CONTENTS = {
    'x = (': "SyntaxError: '\\(' was never closed",
    'x = 1 / 0': 'ZeroDivisionError: division by zero',
    "_base_ = './gone.py'": 'gone.py',
    "custom_imports = dict(imports=['nowhere'])": 'nowhere',
}


@pytest.mark.parametrize('content', CONTENTS)
def test_the_file_is_named(tmp_path, content):
    file = tmp_path / 'mine.py'
    file.write_text(content)
    with pytest.raises(ValueError, match=(
            f'mine.py can not be read as a config: .*{CONTENTS[content]}')):
        read_config(file)
    with pytest.raises(FileNotFoundError, match='no config file'):
        read_config(tmp_path)


def test_the_base_of_a_config_is_read_beside_it(tmp_path):
    (tmp_path / 'base.py').write_text('a = dict(b=1)\nsome = [dict(c=1)]\n')
    file = tmp_path / 'mine.py'
    file.write_text("_base_ = './base.py'\na = dict(d=2)\n")
    cfg = read_config(file, {'a.b': 3, 'some.0.c': 5, 'new.key': 7})
    assert cfg.to_dict() == dict(
        a=dict(b=3, d=2), some=[dict(c=5)], new=dict(key=7))


@pytest.mark.parametrize('key', ['a.b.c', 'some.4.c', 'some.c'])
def test_options_that_do_not_fit(tmp_path, key):
    file = tmp_path / 'mine.py'
    file.write_text('a = dict(b=1)\nsome = [dict(c=1)]\n')
    with pytest.raises(ValueError, match=(
            f"--cfg-options .'{key}': 1.: it does not fit .*mine.py")):
        read_config(file, {key: 1})
