"""How members come into a program and what they are known by."""


def normalize(kind: str, value: str) -> str:
    """An identifier as it is stored, so that equal means the same."""
    value = value.strip()
    return value.casefold() if kind == "email" else value
