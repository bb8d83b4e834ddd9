"""What the log says of a call: never its address, which may hold an e-mail address or a card number."""

import logging
from typing import Final

from django.http import HttpRequest

_NO_PAGES: Final = ("/v1", "/graphql", "/oauth", "/.well-known")


def route(request: HttpRequest) -> str:
    """The pattern that the address of a call fits, without what stands in its places."""
    return request.resolver_match.route if request.resolver_match else "no route"


class RouteFilter(logging.Filter):
    """Django logs the address of what was refused or failed; this puts method, route and status there."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest) and request.path_info.startswith(_NO_PAGES):
            record.msg = "%s %s answered with %s"
            record.args = (request.method, route(request), getattr(record, "status_code", "an error"))
        return True
