"""What a backbone gives, as one map."""


def last_output(outputs):
    """The last of several outputs (MMPretrain gives tuples), or the only."""
    return outputs[-1] if isinstance(outputs, (tuple, list)) else outputs
