"""What a benchmark says of the machine it ran on."""

import os
import platform
from pathlib import Path

from mmreidmix.version import PACKAGES, installed_versions

MORE_PACKAGES = ('opencv-python', 'opencv-python-headless')


def hardware() -> dict:
    """What this was measured on."""
    # Imported here: --help must not wait for torch.
    import torch
    gpu = torch.cuda.is_available() and torch.cuda.get_device_name()
    return dict(
        cpu=_cpu_model(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        gpu=gpu or None)


def _cpu_model() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = [line for line in lines if line.startswith('model name')]
    return (names or [platform.machine()])[0].rpartition(': ')[2]


def versions() -> dict:
    """Versions of what the speed depends on."""
    import torch
    found = dict(python=platform.python_version(), cuda=torch.version.cuda)
    return {**found, **installed_versions((*PACKAGES, *MORE_PACKAGES))}


def available_bytes():
    """Memory that can be had without swapping; None where unknown."""
    if not Path('/proc/meminfo').exists():
        return None
    free = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_AVPHYS_PAGES')
    for line in Path('/proc/meminfo').read_text().splitlines():
        if line.startswith('MemAvailable'):
            free = 1024 * int(line.split()[1])
    limit = Path('/sys/fs/cgroup/memory.max')  # of a container
    if limit.exists() and limit.read_text().strip().isdigit():
        used = int(Path('/sys/fs/cgroup/memory.current').read_text())
        free = min(free, int(limit.read_text()) - used)
    return free
