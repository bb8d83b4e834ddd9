"""Load the demo: a program with a year of purchases, people who may log in, partners with keys."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations import complete_journey
from integrations.demo import campaigns, desk, notes, partners, setting, staff
from loyalty.core import clock
from loyalty.core.errors import DomainError
from loyalty.core.models import Program, Role, User
from rewards.performance import days, measuring

HOUSEHOLDS = 300


class Command(BaseCommand):
    help = (
        "Makes the demo's programs and lets their year happen. Can be stopped and run again: what is "
        "there stays as it is. Log-ins and keys are written to var/demo.json."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        amount = parser.add_mutually_exclusive_group()
        amount.add_argument("--full", action="store_true", help="all 2,469 households")
        amount.add_argument(
            "--households",
            type=complete_journey.household_count,
            default=HOUSEHOLDS,
            metavar="N",
            help=f"how many ({HOUSEHOLDS})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            complete_journey.folder()
            self._load(None if options["full"] else options["households"])
        except (complete_journey.DataMissing, DomainError) as refusal:
            raise CommandError(str(refusal)) from refusal

    def _load(self, households: int | None) -> None:
        known = notes.Notes.read()
        with self._step("Programs, people, rules"):
            live, sandbox = setting.live_program(), setting.sandbox_program()
            logins = staff.ensure(programs=[live, sandbox], notes=known)
            by = User.objects.get(email=staff.email_of(Role.MARKETER))
            for program in (live, sandbox):
                campaigns.ensure(program, year_ends_at=setting.born_at(live), by=by)
        self._live_through_the_year(live, households)
        with self._step("A day at the desks"):
            desk.ensure(live, at=clock.now(live))
        with self._step("Results of campaigns"):
            days.count(live)
            for campaign in measuring.due(live, at=clock.now(live)):
                measuring.measure(campaign, at=clock.now(live))
        with self._step("Partners and keys"):
            at = clock.now(live)
            keys = partners.ensure(live, partners.LIVE, notes=known, at=at)
            keys += partners.ensure(sandbox, partners.SANDBOX, notes=known, at=at)
            webhook = partners.ensure_webhook(live)
        notes.Notes(address=settings.BASE_URL, logins=logins, api_keys=keys, webhook=webhook).write()
        self.stdout.write(f"Log-ins, API keys and the webhook's secret are in {notes.path()}.")

    def _live_through_the_year(self, program: Program, households: int | None) -> None:
        # These need the optional package, without which the command can still be listed.
        from integrations.complete_journey import importing, reporting
        from integrations.demo import year

        born_at = setting.born_at(program)
        choice = importing.choose(
            program=program, at=born_at, households=households, year_ends=born_at.date()
        )
        with reporting.bar(choice, name="A year of purchases", file=sys.stderr) as bar:
            summary = year.live_through(choice, progress=bar)
        for line in reporting.told(summary):
            self.stdout.write(f"  {line}")

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = monotonic()
        yield
        self.stdout.write(f"{name}: {monotonic() - began:.1f} s")
