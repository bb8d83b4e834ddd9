"""What problem documents tell besides the usual, held against the code that raises them."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.urls import get_resolver

from loyalty.core.errors import DomainError, InvalidInput

USUAL = {"pointer"}


def kinds(kind: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def told() -> dict[str, set[str]]:
    """Names of refusals with the names of what they are raised with, anywhere in the code."""
    assert get_resolver().url_patterns, "all of the API is loaded"
    names = {kind.__name__ for kind in kinds()}
    found: dict[str, set[str]] = defaultdict(set)
    for package in ("loyalty", "members", "rewards", "integrations"):
        for path in Path(settings.BASE_DIR, package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                    name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                    if name in names:
                        found[name] |= {one.arg for one in node.keywords if one.arg} - USUAL
    return found


def test_are_described_all_of_them_and_no_others():
    raised = told()

    for kind in kinds():
        expected = raised[kind.__name__] - ({"errors"} if kind is InvalidInput else set())
        described = set(kind.extras) if "extras" in vars(kind) else set()
        assert described == expected, kind.__name__
