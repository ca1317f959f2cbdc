"""Every check passes what it should and names what it refuses."""

import math

import numpy as np
import pytest

from mmreidmix.checks import (
    check_above,
    check_at_least,
    check_between,
    check_choice,
    check_count,
    check_fraction,
)


class Owner:
    """Someone with options."""


@pytest.mark.parametrize('check, arguments, good, bad, expected', [
    (check_choice, (('a', None), ), ['a', None], ['b', 1],
     "one of 'a', None"),
    (check_choice, (range(3), ), [0, 2], [3, -1], r'one of 0\.\.2'),
    (check_count, (1, ), [1, np.int32(2)], [0, 1.5, 2.0, '3', None],
     'an integer of at least 1'),
    (check_at_least, (1, ), [1, 2.5], [0, -1, math.nan, None], 'at least 1'),
    (check_above, (0, ), [1e-9, math.inf], [0, -1, math.nan, None],
     'above 0'),
    (check_between, (0, 1), [0, 0.5, 1], [-1e-9, 1.1, math.nan, None],
     r'in \[0, 1\]'),
    (check_fraction, (), [0, 0.999], [1, -0.1, math.nan, None],
     r'in \[0, 1\)'),
])
def test_checks(check, arguments, good, bad, expected):
    for value in good:
        assert check(Owner(), *arguments, option=value) is None
    for value in bad:
        with pytest.raises(
                ValueError,
                match=f'^Owner: option must be {expected}, got {value!r}$'):
            check('Owner', *arguments, option=value)


def test_all_options_are_checked():
    with pytest.raises(ValueError, match='^Owner: second must be at least 1'):
        check_at_least(Owner(), 1, first=1, second=0)
