"""What words mean that are about partners and sandboxes, and the glossary of the whole partner API."""

from typing import Final

from loyalty.core.api import glossary
from loyalty.core.api.glossary import Glossary, Schema
from members.api import glossary as of_members
from rewards.api import glossary as of_rewards

WORDS: Final[Glossary] = {
    "ahead_seconds": "How far the test clock is ahead of real time.",
    "begins_with": "The beginning of the secret, to recognise it by.",
    "by": "How far forward, as an ISO 8601 duration; instead of `to`.",
    "calls": "How many calls at most.",
    "card": "The number of its card, an identifier of the kind `card`.",
    "client_id": "Of an OAuth client; null of an API key.",
    "confirm": "The program's key, as `whoami` tells it.",
    "credential": "What you called with.",
    "currency": "ISO 4217; all money of a program is in one.",
    "database": "Whether it answers.",
    "entries": "Lines of members' statements.",
    "events": "Events of the feed and of webhooks.",
    "from": "Where the clock was.",
    "limits": "How often you may call; each answer's `RateLimit` says how much of that is left.",
    "members": "Members.",
    "moving_to": "Where the clock is going; null: nowhere.",
    "now": "What the test clock shows: the present of this sandbox.",
    "partner": "Whose credential it is.",
    "program": "Where the credential works.",
    "sample": "A message as it would be sent.",
    "schema": "JSON Schema (2020-12) of the whole message.",
    "scopes": "What the credential may do.",
    "seconds": "The length of the window.",
    "sequence": "Grows with each event of the member: what has a lower one is older.",
    "time_zone": "By IANA, as `Europe/Berlin`; days of the program begin by it.",
    "timestamp": "When it happened.",
    "to": "Where the clock goes.",
    "token_expires_at": "When the access token ends; null: you called with an API key.",
    "transactions": "Sales and returns.",
    "CallersLimit.name": "As `RateLimit` names it.",
    "CallersProgram.kind": "`live`, or `sandbox`.",
    "CataloguedEvent.description": "When it happens.",
    "CataloguedEvent.type": "Type of the event, as `points.earned`.",
    "CustomEvent.type": "Type of the event; `GET /v1/event-types` has those that the program listens for.",
    "EventMessage.data": "Ids and figures; the type's schema says which.",
    "EventMessage.type": "Type of the event, as `points.earned`.",
    "FeedEvent.type": "Type of the event, as `points.earned`.",
    "FeedPage.data": "The events, oldest first.",
    "ReportedEventType.type": "By which it is reported.",
    "SampleData.members": "Who was made up.",
    "SampleDataRequest.members": "How many members to make up.",
    "SampleEventRequest.type": "Type of the event, as the event catalogue has it.",
    "CallersCredential.name": "What the operator called it.",
    "CallersPartner.name": "What the operator called the partner.",
    "CallersProgram.name": "What the program is called.",
    "SampleMember.name": "First and last name.",
}

ALL: Final[Glossary] = {**glossary.WORDS, **of_members.WORDS, **of_rewards.WORDS, **WORDS}


def describe(result: Schema, generator: object, request: object, public: object) -> Schema:
    """Describe what is left without words: a postprocessing hook of drf-spectacular."""
    glossary.describe(result, ALL)
    return result
