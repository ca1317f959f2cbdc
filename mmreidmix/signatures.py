"""Options of classes."""

from collections.abc import Mapping
from inspect import Parameter, signature


def options_of(kind: type) -> Mapping[str, Parameter]:
    """Options of the constructor of a class, those it passes on included.

    Args:
        kind (type): a class; the constructors of its parents count as far as
            ``**kwargs`` leads to them.

    Examples:
        >>> class Parent:
        ...     def __init__(self, width=3): ...
        >>> class Child(Parent):
        ...     def __init__(self, height, **kwargs): ...
        >>> list(options_of(Child))
        ['height', 'width']
    """
    options: dict = {}
    for parent in kind.__mro__:
        constructor = vars(parent).get('__init__')
        if constructor is None:
            continue
        passes_on = False
        for name, option in signature(constructor).parameters.items():
            if option.kind == Parameter.VAR_KEYWORD:
                passes_on = True
            elif name != 'self' and option.kind != Parameter.VAR_POSITIONAL:
                options.setdefault(name, option)
        if not passes_on:
            break
    return options
