"""Values as they may be passed on: no secrets, no names of users in paths."""

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = '(hidden)'
_SECRET = re.compile(
    r'passw(or)?d|passphrase|token|secret|api_?key|access_?key|credential',
    re.IGNORECASE)
# https://user:password@host
_USER = re.compile(r'(?<=://)[^/@\s]+@')


def public_value(value: Any, name: str = '') -> Any:
    """A value of a config or result, for files that are passed on.

    Text is hidden under names such as ``api_key`` and ``token``; absolute
    paths are shortened by :func:`public_path`. Everything else is as it was.

    Args:
        value (Any): may hold mappings, lists and tuples.
        name (str): its key.

    Examples:
        >>> public_value(dict(entity='lab', api_key='58d3', token=None))
        {'entity': 'lab', 'api_key': '(hidden)', 'token': None}
    """
    if isinstance(value, Mapping):
        return {key: public_value(item, str(key))
                for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [public_value(item, name) for item in value]
    if not isinstance(value, (str, os.PathLike)):
        return value
    text = os.fspath(value)
    return HIDDEN if _SECRET.search(name) else public_path(text)


def public_path(text: str) -> str:
    """A path below the working folder or the home folder, from there on.

    Text that is no such path stays, but for a user in an address.
    """
    if os.path.isabs(text):
        for short, root in ((os.curdir, os.getcwd()),
                            ('~', os.path.expanduser('~'))):
            if root != os.sep and (text + os.sep).startswith(root + os.sep):
                return os.path.normpath(short + text[len(root):])
    return _USER.sub('', text)
