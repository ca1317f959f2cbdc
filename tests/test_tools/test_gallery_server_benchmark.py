"""Tests of tools/benchmarks/gallery_server.py."""

import json
import os
import subprocess
import sys

from tests.tiny import ROOT


def test_report(postgres, tmp_path):
    """The fixture skips it without the packages; it has its own server."""
    file = tmp_path / 'result.json'
    subprocess.run(
        [sys.executable, ROOT / 'tools/benchmarks/gallery_server.py', '--num',
         '400', '--dim', '8', '--queries', '3', '--clients', '2', '--memory',
         '128', '--seconds', '1', '--out', file],
        check=True, env=dict(os.environ, PYTHONPATH=str(ROOT)))
    found = json.loads(file.read_text())['results']
    for part in found['search'].values():
        assert part['recall'] == 1 and 0 < part['p50_ms'] <= part['p95_ms']
    assert found['search']['none']['passing'] == 400
    assert 0 < found['search']['cameras and times']['passing'] < 200
    assert found['kill']['confirmed'] > 0 == found['kill']['lost']
    assert found['kill']['only_whole_additions']
