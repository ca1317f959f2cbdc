import subprocess
import sys

import torch

from mmreidmix.structures import stack_images
from tests.tiny import TRAIN, environment, tiny_config


def sample(number, height=2):
    return dict(inputs=torch.full((3, height, 4), number), data_samples=number)


def test_images_of_one_size_are_one_tensor():
    batch = stack_images([sample(1), sample(2)])
    assert batch['inputs'].shape == (2, 3, 2, 4)
    assert batch['inputs'][:, 0, 0, 0].tolist() == [1, 2]
    assert batch['data_samples'] == [1, 2]


def test_other_sizes_stay_a_list():
    images = stack_images([sample(1), sample(2, 5)])['inputs']
    assert [image.shape for image in images] == [(3, 2, 4), (3, 5, 4)]


def test_few_file_handles_are_enough(toy, tmp_path):
    cfg = tiny_config(
        toy, train_cfg__max_epochs=1, train_dataloader__batch_size=64,
        train_dataloader__num_workers=2, val_dataloader__num_workers=2,
        default_hooks__pseudo_labels__num_workers=2)
    cfg.dump(tmp_path / 'config.py')
    end = subprocess.run(
        ['bash', '-c', 'ulimit -n 128; exec "$@"', '-', sys.executable, TRAIN,
         tmp_path / 'config.py', '--work-dir', tmp_path / 'run'],
        env=environment(), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=300, check=False)
    assert end.returncode == 0, end.stdout[-2000:]
    assert (tmp_path / 'run' / 'epoch_1.pth').is_file()
