"""Result files: write, read and check; values per query beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

import numpy as np

from mmreidmix.files import read_arrays, replace_file

from .public_values import public_value

if TYPE_CHECKING:
    from mmreidmix.evaluation.functional.ranking import RankingResult

File = Union[str, Path]

FORMAT_VERSION = 1
#: Every result file has these fields; tools may add others.
FIELDS: dict = {
    'format_version': int,
    'results': dict,
    'protocol': str,
    'sources': list,
    'domains': list,
    'evaluators': list,
    'method': str,
    'config': str,
    'config_sha256': str,
    'checkpoint': str,
    'checkpoint_rule': str,
    'training_seed': (int, type(None)),
    'seed': int,
    'versions': dict,
}
DOMAIN_FIELDS = {
    'name': str,
    'boxes': str,
    'split': str,
    'sha256': str,
    'seen_in_training': str,
    'query': dict,
    'gallery': dict,
}
# Arrays of a ranking, by domain, and the types they are stored in.
QUERY_VALUES = {
    'ap': np.float32,
    'inp': np.float32,
    'first_match_rank': np.int32,
}


def write_result(file: File, result: Mapping) -> None:
    """Write a result file; an interrupted call leaves the old one.

    Secrets and names of users stay out, see :func:`public_value`.

    Raises:
        ValueError: a field is missing or of another type, or a score is NaN
            or infinite.
    """
    result = public_value({'format_version': FORMAT_VERSION, **result})
    _check(result, file)
    text = json.dumps(result, indent=2, default=_plain, allow_nan=False)
    replace_file(file, lambda stream: stream.write(f'{text}\n'.encode()))


def read_result(file: File) -> dict:
    """Read and check a result file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON, of another version, or a field is missing
            or of another type; the message names file and field.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(f'no result file {file}; tools/test.py '
                                'writes one')
    try:
        result = json.loads(Path(file).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{file} is no JSON file: {error}') from error
    if not isinstance(result, dict) or 'format_version' not in result:
        raise ValueError(f"{file} has no 'format_version': it was not written "
                         'by tools/test.py, or by an early version of it; '
                         'run the test again')
    if result['format_version'] != FORMAT_VERSION:
        raise ValueError(
            f'{file} has format_version {result["format_version"]}, expected '
            f'{FORMAT_VERSION}; read it with the version of mmreidmix that '
            'wrote it, or run the test again')
    _check(result, file)
    return result


def _check(result: Mapping, file: File) -> None:
    _check_fields(result, FIELDS, str(file))
    for number, domain in enumerate(result['domains']):
        _check_fields(domain, DOMAIN_FIELDS, f'{file}: domains[{number}]')


def _check_fields(content: Mapping, fields: Mapping, where: str) -> None:
    missing = [name for name in fields if name not in content]
    if missing:
        raise ValueError(f'{where} lacks {missing}; run the test again')
    for name, kind in fields.items():
        if not isinstance(content[name], kind):
            raise ValueError(f'{where}: {name} is {content[name]!r}, expected '
                             f'{kind}')


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.generic) else str(value)


def queries_file(file: File) -> Path:
    """File of the values per query, beside a result file."""
    return Path(file).with_suffix('.queries.npz')


def write_queries(file: File, rankings: Mapping[str, RankingResult]) -> None:
    """Write the values per query beside a result file.

    Args:
        file (str | Path): the result file.
        rankings (Mapping[str, RankingResult]): by domain.
    """
    arrays = {
        f'{name}/{key}': getattr(ranking, key).astype(dtype)
        for name, ranking in rankings.items()
        for key, dtype in QUERY_VALUES.items()
    }
    replace_file(
        queries_file(file), lambda stream: np.savez(stream, **arrays))


def read_queries(file: File) -> Optional[dict[str, RankingResult]]:
    """Read what :func:`write_queries` wrote, by domain; None without a file.

    Raises:
        ValueError: the file is broken or lacks an array.
    """
    path = queries_file(file)
    if not path.is_file():
        return None
    arrays = read_arrays(path)
    names = dict.fromkeys(key.rpartition('/')[0] for key in arrays)
    missing = [f'{name}/{key}' for name in names for key in QUERY_VALUES
               if f'{name}/{key}' not in arrays]
    if missing:
        raise ValueError(f'{path} lacks the arrays {missing}; run the test '
                         'again')
    # Imported here: --help of the tools must not wait for torch.
    from mmreidmix.evaluation.functional.ranking import RankingResult
    return {
        name: RankingResult(
            **{key: arrays[f'{name}/{key}'] for key in QUERY_VALUES})
        for name in names
    }
