"""What a test knows and a type does not."""


def known[Value](value: Value | None) -> Value:
    """The value, which is there."""
    assert value is not None
    return value
