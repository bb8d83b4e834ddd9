import asyncio
from typing import Any

from aiohttp import web
from django.core.management.base import BaseCommand, CommandParser
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.demo import notes


class Command(BaseCommand):
    help = (
        "Receive webhooks on this machine and print them: for trying things out. Signatures are verified as "
        "a partner would. Port and secret are those of the demo's endpoint, unless others are given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port",
            type=int,
            default=9797,
            help="Where to listen; %(default)s is where the demo's endpoint points to.",
        )
        parser.add_argument(
            "--secret", help="The endpoint's signing secret (whsec_…); if left out, that in var/demo.json."
        )
        parser.add_argument(
            "--fail", type=int, default=0, metavar="N", help="Answer 500 to the first N messages."
        )
        parser.add_argument("--hang", action="store_true", help="Never answer.")

    def handle(self, *args: Any, **options: Any) -> None:
        app = receiver(
            secret=options["secret"] or demo_secret(),
            failures=options["fail"],
            hangs=options["hang"],
            tell=self.stdout.write,
        )
        self.stdout.write(f"Receiving webhooks on http://127.0.0.1:{options['port']}/")
        web.run_app(app, host="127.0.0.1", port=options["port"], print=None, access_log=None)


def demo_secret() -> str | None:
    """What the demo's webhooks are signed with, where there is a demo."""
    webhook = notes.Notes.read().webhook
    return webhook.secret if webhook else None


def receiver(*, secret: str | None, failures: int, hangs: bool, tell: Any) -> web.Application:
    """An application that answers every POST as told, and tells what it got."""
    count = 0

    async def receive(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        body = await request.text()
        tell(f"{count}. {request.headers.get('webhook-id')} {_verdict(secret, body, request)}\n   {body}")
        if hangs:
            await asyncio.sleep(3600)
        return web.Response(status=500 if count <= failures else 204)

    app = web.Application()
    app.router.add_post("/{path:.*}", receive)
    return app


def _verdict(secret: str | None, body: str, request: web.Request) -> str:
    if secret is None:
        return "(not verified: no --secret, and no demo)"
    try:
        Webhook(secret).verify(body, dict(request.headers))
    except WebhookVerificationError as error:
        return f"NOT VERIFIED: {error}"
    return "verified"
