"""Make an API key from the command line, for the first partner of a new installation or for scripts."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations import credentials
from integrations.models import Partner
from loyalty.core.api.auth import SCOPES
from loyalty.core.errors import DomainError
from loyalty.core.models import Program


class Command(BaseCommand):
    help = "Make an API key for a partner, and show it this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("program", help="key of the program")
        parser.add_argument("partner", help="key of the partner, which is made if there is none")
        parser.add_argument("--name", default="Made on the command line", help="what the key is for")
        parser.add_argument(
            "--scope",
            action="append",
            dest="scopes",
            metavar="SCOPE",
            help=f"may be repeated: {', '.join(SCOPES)}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["scopes"]:
            raise CommandError("Say what the key may do: --scope members:read --scope transactions:write …")
        program = Program.objects.filter(key=options["program"]).first()
        if program is None:
            raise CommandError(f"There is no program {options['program']}.")
        partner, _made = Partner.objects.get_or_create(
            program=program, key=options["partner"], defaults={"name": options["partner"]}
        )
        try:
            _credential, key = credentials.issue(
                partner=partner, name=options["name"], scopes=options["scopes"], by=None
            )
        except DomainError as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(key)
