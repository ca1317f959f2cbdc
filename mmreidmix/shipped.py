"""The folders ``configs`` and ``tools`` that come with the project."""

from pathlib import Path


def shipped_folder(name: str) -> Path:
    """Where ``configs`` or ``tools`` is.

    Inside the package (``mmreidmix/.mim``) where it was installed from a
    wheel, beside it in a clone of the repository.

    Raises:
        FileNotFoundError: in neither place.
    """
    package = Path(__file__).resolve().parent
    for root in (package / '.mim', package.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(
        f'no folder {name} in {package / ".mim"} nor beside {package}: '
        'install mmreidmix anew')
