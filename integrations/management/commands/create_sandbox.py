"""A sandbox with the rules of a program, for partners to try things out."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations import credentials
from integrations.models import Partner
from integrations.sandbox import copying
from loyalty.core import clock
from loyalty.core.api.auth import SCOPES
from loyalty.core.errors import DomainError
from loyalty.core.models import Program, User
from rewards.tasks import refresh_segment


class Command(BaseCommand):
    help = "Makes a sandbox with the rules of a program and nobody in it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("program", help="key of the program whose rules are copied")
        parser.add_argument("key", help="key of the new sandbox")
        parser.add_argument("--name", help="its name; otherwise made from the program's")
        parser.add_argument(
            "--as", dest="user", required=True, metavar="E-MAIL", help="who becomes its administrator"
        )
        parser.add_argument(
            "--issue-key", action="store_true", help="also make an API key with every scope, shown this once"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        program = Program.objects.filter(key=options["program"]).first()
        if program is None:
            raise CommandError(f"There is no program {options['program']}.")
        user = User.objects.filter(email__iexact=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody here has the e-mail address {options['user']}.")
        try:
            copied = copying.copy(
                program,
                key=options["key"],
                name=options["name"] or f"{program.name} Sandbox",
                by=user,
                at=clock.now(program),
            )
        except DomainError as refusal:
            raise CommandError(refusal.detail) from None
        for segment_id in copying.to_be_found(copied.sandbox):
            refresh_segment.delay(segment_id=segment_id)
        for key, why in copied.unpublished.items():
            self.stderr.write(f"! campaigns.{key} stays a draft: {why}")
        if options["issue_key"]:
            self.stdout.write(_key(copied.sandbox, user))
        else:
            self.stdout.write(f"Sandbox {copied.sandbox.key}: partner “{copying.PARTNER}” has no key yet.")


def _key(sandbox: Program, user: User) -> str:
    partner = Partner.objects.get(program=sandbox, key=copying.PARTNER)
    _credential, key = credentials.issue(partner=partner, name="Test suite", scopes=tuple(SCOPES), by=user)
    return key
