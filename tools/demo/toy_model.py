"""Make all that the search page needs to be tried, in some minutes.

    python tools/demo/toy_model.py

draws toy pedestrians, trains a small model on some of them, finds its
thresholds on others and leaves pictures of yet others to search in:

    work_dirs/demo/model.pth    the model
    data/toy/demo/gallery       the pictures
    data/toy/demo/someone.jpg   a person to search for
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from mmreidmix.command_line import run_main
from mmreidmix.toy import generate

TOOLS = Path(__file__).resolve().parents[1]
CONFIG = TOOLS.parent / 'configs' / 'baseline' / 'r18_x0_25_toydemo.py'
WORK_DIR = Path('work_dirs', 'demo')
PEOPLE = Path('data', 'toy', 'demo_people')
DEMO = Path('data', 'toy', 'demo')


def parse_args(arguments=None):
    """Read the command line."""
    return argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)


def draw() -> None:
    """Draw people to train on and people to search for, not the same ones."""
    options = dict(layout='market1501', style='unseen')
    generate(PEOPLE, num_ids=150, num_test_ids=60, seed=1, **options)
    drawn = DEMO / 'drawn'
    generate(drawn, num_ids=2, num_test_ids=60, images_per_camera=2, seed=2,
             **options)
    folder = next(drawn.glob('*/bounding_box_test'))
    shutil.copytree(folder, DEMO / 'gallery', dirs_exist_ok=True)
    someone = min(folder.parent.glob('query/*.jpg'))
    shutil.copy(someone, DEMO / 'someone.jpg')


def run(tool: str, *options) -> None:
    """Run a tool of this project."""
    # without the spinning of threads that ruins a shared machine
    environment = {'OMP_WAIT_POLICY': 'PASSIVE', **os.environ}
    subprocess.run([sys.executable, TOOLS / tool, CONFIG, *options],
                   check=True, env=environment)


def main(arguments=None) -> None:
    """Draw, train, calibrate."""
    parse_args(arguments)
    draw()
    # A gallery of an earlier model would be refused.
    for name in ('training', 'gallery', 'gallery.part'):
        shutil.rmtree(WORK_DIR / name, ignore_errors=True)
    run('train.py', '--work-dir', WORK_DIR / 'training')
    trained = (WORK_DIR / 'training' / 'last_checkpoint').read_text()
    run('analysis_tools/calibrate.py', trained, '--fmr', '1e-3', '1e-2',
        '5e-2', '--out', WORK_DIR / 'model.pth',
        '--work-dir', WORK_DIR / 'calibration')
    print(f'model:    {WORK_DIR / "model.pth"}\n'
          f'gallery:  {DEMO / "gallery"}\n'
          f'someone:  {DEMO / "someone.jpg"}\n'
          'next:     python tools/demo/app.py work_dirs/demo/gallery --model '
          f'{WORK_DIR / "model.pth"} --images {DEMO / "gallery"} --names '
          'market1501')


if __name__ == '__main__':
    run_main(main)
