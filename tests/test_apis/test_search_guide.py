"""The Python of docs/en/user_guides/search.md, run as it stands."""

import re
import shutil

from tests.tiny import ROOT

GUIDE = ROOT / 'docs' / 'en' / 'user_guides' / 'search.md'


def test_the_examples_run(checkpoint, pictures, tmp_path, monkeypatch, capsys):
    shutil.copy(checkpoint, tmp_path / 'epoch_60.pth')
    shutil.copy(pictures[0], tmp_path / 'query.jpg')
    for number, picture in enumerate(pictures):
        target = tmp_path / 'footage' / str(1 + number % 3)
        target.mkdir(parents=True, exist_ok=True)
        for copy in range(3):
            name = f'{number // 3 + 4 * copy:04d}.jpg'
            shutil.copy(picture, target / name)
    monkeypatch.chdir(tmp_path)
    scope = {}
    for block in re.findall('```python\n(.*?)```', GUIDE.read_text(), re.S):
        exec(compile(block, GUIDE.name, 'exec'), scope)
    told = capsys.readouterr().out
    assert 'Comparison(score=' in told
    assert 'not of another model' in told
