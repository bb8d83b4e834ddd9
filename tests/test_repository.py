"""What the repository says of itself is so: links, paths, modules, commands and notes are there."""

import re
from itertools import chain
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).parent.parent
APPS = ("loyalty", "members", "rewards", "integrations")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = sorted(chain.from_iterable((ROOT / app).rglob("*.py") for app in (*APPS, "tests")))

LINK = re.compile(r"\]\((?!https?:|/|#)([^)#]+)")
PATH = re.compile(rf"`((?:{'|'.join(APPS)}|docs|tests)/[\w./-]+)`")
MODULE = re.compile(rf"`((?:{'|'.join(APPS)})(?:\.[a-z_]+)+)`")
COMMAND = re.compile(r"manage\.py (\w+)")
TARGET = re.compile(r"`make ([a-z-]+)")
HEADED = re.compile(r"^ *Note \[([^\]]+)\]\n *~+$", re.MULTILINE)
POINTED_TO = re.compile(r"see Note \[([^\]]+)\]", re.IGNORECASE)


def is_there(module: str) -> bool:
    """Whether it is a module, or something that a module has."""
    path = ROOT.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file() or path.parent.with_suffix(".py").is_file()


def notes() -> set[tuple[str, str]]:
    """What notes are headed, and the files that tell them."""
    return {
        (name, str(source.relative_to(ROOT)))
        for source in SOURCES
        for name in HEADED.findall(source.read_text())
    }


class TestDocuments:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
    def test_name_what_is_there(self, document: Path):
        text = document.read_text()
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

        assert [link for link in LINK.findall(text) if not (document.parent / link).exists()] == []
        assert [path for path in PATH.findall(text) if not (ROOT / path).exists()] == []
        assert [module for module in MODULE.findall(text) if not is_there(module)] == []
        assert set(COMMAND.findall(text)) <= get_commands().keys()
        assert set(TARGET.findall(text)) <= set(targets)


class TestNotes:
    def test_are_listed_in_the_architecture_with_the_place_that_tells_them(self):
        rows = re.findall(
            r"^\| ([^|`]+) \| `([^`]+\.py)` \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
        )

        assert set(rows) == notes()

    def test_are_there_wherever_something_points_to_them(self):
        texts = (re.sub(r"[\s#]+", " ", source.read_text()) for source in SOURCES)
        pointed_to = set(chain.from_iterable(map(POINTED_TO.findall, texts)))

        assert pointed_to <= {name for name, _ in notes()}
