"""One address for all queries: the door is that of the partner API, and so are its refusals."""

from typing import Annotated, Any, ClassVar

import structlog
from django.db import OperationalError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from graphql import GraphQLError
from msgspec import Meta, Struct
from rest_framework.request import Request

from integrations.graphql import limits
from integrations.graphql.query import SCHEMA
from integrations.graphql.reading import Reading
from loyalty.core import clock
from loyalty.core.api import auth, parsing, refusals, rendering
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import DomainError

logger = structlog.get_logger(__name__)


class GraphQLRequest(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A query with its variables, as GraphQL over HTTP has it. Several at once are no request."""

    query: Annotated[str, Meta(min_length=1)]
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


class GraphQLView(PartnerView):
    """
    Queries by POST as JSON; there is no other way in, and no page to try them.

    What is wrong with a query is told in `errors`, with the API's codes in `extensions`, and status 200.
    """

    scopes: ClassVar[dict[str, str]] = {"post": auth.ANY_SCOPE}
    http_method_names = ["post"]
    schema = None  # it describes itself, and is no part of the OpenAPI document

    def post(self, request: Request) -> HttpResponse:
        asked = parsing.decode(request, GraphQLRequest)
        return rendering.answer(_answered(asked, caller=auth.caller(request)))


def _answered(asked: GraphQLRequest, *, caller: auth.Caller) -> dict[str, Any]:
    variables = asked.variables or {}
    try:
        limits.check(SCHEMA._schema, asked.query, variables, named=asked.operation_name)
    except DomainError as refusal:
        return {"errors": [{"message": str(refusal.detail), **_located(refusal)}]}
    reading = Reading(caller, clock.now(caller.program))
    result = SCHEMA.execute_sync(asked.query, variables, reading, operation_name=asked.operation_name)
    body: dict[str, Any] = {} if result.data is None and result.errors else {"data": result.data}
    if result.errors:
        body["errors"] = [_told(error) for error in result.errors]
    return body


def _located(refusal: DomainError) -> dict[str, Any]:
    extra = dict(refusal.extra)
    places = extra.pop("locations", None)
    return ({"locations": places} if places else {}) | {"extensions": {"code": refusal.code, **extra}}


def _told(error: GraphQLError) -> dict[str, Any]:
    told = dict(error.formatted)
    refusal = _refusal(error)
    if refusal:
        told |= {"message": str(refusal.detail)} | _located(refusal)
    else:
        told["extensions"] = {"code": limits.InvalidQuery.code}
    return told


def _refusal(error: GraphQLError) -> DomainError | None:
    """What a field raised, as the API says it; None if the query itself is at fault."""
    match error.original_error:
        case None | GraphQLError():
            return None
        case DomainError() as refusal:
            return refusal
        case OperationalError() as unreachable:
            logger.warning("database unavailable", exc_info=unreachable)
            return refusals.Unavailable(_("Send the same query again in a moment."))
        case unexpected:
            logger.error("unexpected error", exc_info=unexpected)
            return refusals.InternalError(_("Tell us the X-Request-Id of this answer."))
