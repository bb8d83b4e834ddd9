"""Show the demo's webhooks as a partner's system would receive them."""

from argparse import ArgumentParser
from itertools import count
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.demo.notes import Notes
from integrations.demo.receiver import Receiver


class Command(BaseCommand):
    help = "Receives the demo's webhooks, checks their signatures and shows them, until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--count", type=int, metavar="N", help="stop after N requests")

    def handle(self, *args: Any, **options: Any) -> None:
        webhook = Notes.read().webhook
        if webhook is None:
            raise CommandError("There is no demo here yet: run manage.py load_demo first.")
        with Receiver(webhook, tell=self.stdout.write) as receiver:
            self.stdout.write(f"Listening at {webhook.url}; Ctrl-C ends it.")
            try:
                for _ in range(options["count"]) if options["count"] else count():
                    receiver.handle_request()
            except KeyboardInterrupt:
                self.stdout.write("")
