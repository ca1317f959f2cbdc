"""Options of constructors, through their parents."""

from mmreidmix.signatures import options_of


class Grandparent:

    def __init__(self, a, b=1):
        """Two options."""


class Parent(Grandparent):

    def __init__(self, b=2, c=3, **kwargs):
        """Passes the rest on."""


class Child(Parent):
    """Has no constructor of its own."""


class Closed(Child):

    def __init__(self, d):
        """Passes nothing on."""


def test_options_of():
    assert list(options_of(Grandparent)) == ['a', 'b']
    assert list(options_of(Child)) == ['b', 'c', 'a']
    assert options_of(Child)['b'].default == 2
    assert list(options_of(Closed)) == ['d']
