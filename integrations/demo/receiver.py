"""Stands in for a partner's system: takes webhooks, checks whether they are ours, and tells what they say."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

from standardwebhooks import Webhook, WebhookVerificationError

from integrations.demo import notes


class Receiver(HTTPServer):
    """Listens where the demo's webhook endpoint points to; `tell` gets a line for each message."""

    def __init__(self, webhook: notes.Webhook, tell: Callable[[str], object]) -> None:
        address = urlsplit(webhook.url)
        super().__init__((address.hostname or "", address.port or 0), Handler)
        self.signature = Webhook(webhook.secret)
        self.tell = tell
        self.received: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            message = self.server.signature.verify(body, dict(self.headers))
        except WebhookVerificationError as wrong:
            self.server.tell(f"refused: {wrong}")
            self._answer(401)
            return
        # Each message can come twice: its id tells.
        message_id = self.headers["webhook-id"]
        again = " (again)" if message_id in self.server.received else ""
        self.server.received.add(message_id)
        self.server.tell(f"{message['timestamp']} {message['type']}{again} {message['data']}")
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what arrives is told in one line of its own."""
