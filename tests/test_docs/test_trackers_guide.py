"""The examples of the guide to trackers, on a tiny model."""

import re
from pathlib import Path

import numpy as np
import pytest

from mmreidmix.apis import TrackerEmbedder
from tests.test_apis.conftest import checkpoint  # noqa: F401
from tests.tiny import ROOT
from tests.toy_recordings import frame as grey_frame
from tests.toy_recordings import video, written

PAGE = ROOT / 'docs' / 'en' / 'user_guides' / 'trackers.md'
EXAMPLES = re.findall(r'```python\n(.*?)```', PAGE.read_text('utf-8'), re.S)
#: Packages of examples that need weights which are not here.
NOT_RUN = ('ultralytics', )


def packages(example):
    return set(re.findall(r'^(?:import|from) (\w+)', example, re.M))


@pytest.mark.parametrize('example', [
    text for text in EXAMPLES if not packages(text) & {*NOT_RUN}],
    ids=lambda text: text.splitlines()[0][-30:])
def test_an_example(example, checkpoint, tmp_path,  # noqa: F811
                    monkeypatch):
    for name in packages(example) - {'mmreidmix', 'pathlib'}:
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    Path('epoch_60.pth').symlink_to(checkpoint)
    video(tmp_path / 'video.avi')
    written(tmp_path / 'det.txt', ['1,-1,1,1,20,50,0.9'])
    boxes = np.array([[1, 2, 20, 50], [40, 10, 70, 55]], float)
    names = dict(
        frame=grey_frame(3), boxes=boxes,
        embed=TrackerEmbedder(checkpoint, 'cpu'),
        detections=np.column_stack([boxes, [0.9, 0.8], [0, 0]]))
    exec(example, names)
    for row in names.get('rows', ()):
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)
    assert names.get('reasons', [None]).count(None) > 0


def test_all_examples_but_one_are_run():
    assert len(EXAMPLES) == 9
    assert sum(bool(packages(text) & {*NOT_RUN}) for text in EXAMPLES) == 1
