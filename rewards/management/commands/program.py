"""
A program's design as one YAML file: written, checked, compared and applied. See docs/program-as-code.md.

The exit code is 0 where all is well, 1 where the file is wrong or was refused, and with `diff`
3 where there are differences, so that a script can tell.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from loyalty.core import clock
from loyalty.core.errors import DomainError
from loyalty.core.models import Program, User
from rewards.blueprint import applying, audience, comparing, document, reading
from rewards.blueprint.comparing import ADDED, CHANGED, MISSING, Change, Comparison
from rewards.blueprint.document import Document
from rewards.tasks import refresh_segment

DIFFERENT: Final = 3
MARKS: Final = {ADDED: "+", CHANGED: "~", MISSING: "-"}


class Command(BaseCommand):
    help = "Export a program's design as YAML, check such a file, show its differences, and apply it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["export", "check", "diff", "apply"])
        parser.add_argument(
            "file", nargs="?", default="-", help="the YAML file; - is the standard in- or output"
        )
        parser.add_argument("--program", required=True, help="key of the program")
        parser.add_argument(
            "--publish",
            nargs="*",
            metavar="CAMPAIGN",
            help="have members earn by these campaigns of the file from now on; without keys: by all of them",
        )
        parser.add_argument(
            "--prune", action="store_true", help="end or take out of use what the file leaves out"
        )
        parser.add_argument(
            "--as", dest="user", metavar="E-MAIL", help="who applies it: needs the permission"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        program = Program.objects.filter(key=options["program"]).first()
        if program is None:
            raise CommandError(f"There is no program “{options['program']}”.")
        try:
            getattr(self, f"_{options['action']}")(program, options)
        except DomainError as refusal:
            raise CommandError(refusal.detail) from None

    def _export(self, program: Program, options: dict[str, Any]) -> None:
        text = document.export(program)
        if options["file"] == "-":
            self.stdout.write(text, ending="")
        else:
            Path(options["file"]).write_text(text, encoding="utf-8")

    def _check(self, program: Program, options: dict[str, Any]) -> None:
        comparing.compare(document.read(_content(options["file"])), program)
        self.stdout.write("Nothing is wrong with the file.")

    def _diff(self, program: Program, options: dict[str, Any]) -> None:
        comparison = comparing.compare(document.read(_content(options["file"])), program)
        self._show(comparison, prune=options["prune"])
        if comparison.changes:
            sys.exit(DIFFERENT)

    def _apply(self, program: Program, options: dict[str, Any]) -> None:
        found = document.read(_content(options["file"]))
        comparison = applying.apply(
            found,
            program=program,
            by=_user(options["user"]),
            at=clock.now(program),
            publish=_published(options["publish"], found),
            prune=options["prune"],
        )
        for segment_id in audience.to_be_found(program):
            refresh_segment.delay(segment_id=str(segment_id))
        self._show(comparison, prune=options["prune"])
        self.stdout.write("Applied." if comparison.differs else "Nothing to write.")

    def _show(self, comparison: Comparison, *, prune: bool) -> None:
        for change in comparison.changes:
            self._show_change(change, prune=prune)
        for key in comparison.unpublished:
            self.stdout.write(f"! campaigns.{key}: members do not earn by this version yet (--publish)")
        for key in comparison.paused:
            self.stdout.write(f"! campaigns.{key}: paused; only its own page lets it run on")
        counts = ", ".join(
            f"{len(comparison.of_kind(kind))} {words}"
            for kind, words in ((ADDED, "added"), (CHANGED, "changed"), (MISSING, "not in the file"))
        )
        self.stdout.write(counts if comparison.changes else "No differences.")

    def _show_change(self, change: Change, *, prune: bool) -> None:
        said = f"{MARKS[change.kind]} {change.section}.{change.key} “{change.name}”"
        self.stdout.write(f"{said}: {change.fate(prune=prune)}" if change.kind == MISSING else said)
        for line in change.lines:
            what = line.after if change.kind == ADDED else f"{line.before} → {line.after}"
            self.stdout.write(f"    {line.path}: {what}")


def _content(name: str) -> bytes:
    """No more of the file than may be read, and a byte to tell that there is more."""
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            return file.read(reading.BYTES_AT_MOST + 1)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from None


def _user(email: str | None) -> User:
    if not email:
        raise CommandError("Say who applies it: --as E-MAIL. The audit trail will name this person.")
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise CommandError(f"Nobody here has the e-mail address {email}.")
    return user


def _published(asked: list[str] | None, found: Document) -> list[str]:
    campaigns = found.things.get("campaigns", {})
    if unknown := [key for key in asked or [] if key not in campaigns]:
        raise CommandError(f"The file has no campaign {', '.join(unknown)}.")
    return [] if asked is None else asked or list(campaigns)
