"""The small model and the pictures of the tests of mmreidmix.apis."""

from tests.test_apis.conftest import checkpoint, pictures  # noqa: F401
