"""Settings shared by all tests."""

import os
from pathlib import Path

# Before torch is imported: two processes with default threads slow each
# other down several times over.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import pytest  # noqa: E402


@pytest.fixture(scope='session')
def realdata() -> Path:
    """Folder of real images; tests that need it skip when it is not named."""
    folder = os.environ.get('MMREIDMIX_REALDATA')
    if not folder:
        pytest.skip('MMREIDMIX_REALDATA is not set')
    return Path(folder).resolve()


@pytest.fixture(autouse=True)
def _scope():
    """Look components up in mmreidmix, as the tools do."""
    from mmengine.registry import DefaultScope

    import mmreidmix  # noqa: F401
    if not DefaultScope.check_instance_created('mmreidmix'):
        DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
