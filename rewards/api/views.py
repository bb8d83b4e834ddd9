from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from django.db import IntegrityError
from django.http import HttpResponse
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing, rendering
from loyalty.core.api.views import PartnerView
from loyalty.core.db import Batch
from loyalty.core.errors import DomainError, NotFound
from loyalty.core.models import IdempotencyRecord
from rewards import earning, explaining, redeeming, returning
from rewards.activities import CustomEvent, Return, Transaction
from rewards.api import docs
from rewards.api.bodies import RedemptionRequest, answer_of, status_of
from rewards.earning import Recorded
from rewards.models import Activity

Write = Callable[[Callable[[Batch, Any], None]], Any]


def _created(result: Any) -> int:
    return 201


def once(
    request: Request,
    write: Write,
    *,
    body: Callable[[Any], Any],
    status: Callable[[Any], int] = _created,
) -> HttpResponse:
    """
    Answer a call that has its effect once: the stored answer goes into the statement of the effect.

    `write` performs the operation and hands it what else to write; `body` and `status` make the answer from
    its result. See Note [Idempotency].
    """
    key = idempotency.begin(request, auth.caller(request))
    if answer := idempotency.stored(key):
        return idempotency.replay(answer)

    prepared: list[tuple[Any, Any]] = []

    def also(batch: Batch, result: Any) -> None:
        prepared[:] = [(result, body(result))]
        row = key.row(status=status(result), body=prepared[0][1])
        batch.insert(IdempotencyRecord, idempotency.FIELDS, [row])

    try:
        result = write(also)
    except DomainError as refusal:
        return idempotency.refuse(key, refusal, request)
    except IntegrityError as error:
        if not idempotency.lost_race(error):
            raise
        answer = idempotency.stored(key, look_again=True)
        assert answer is not None, "the race was lost to a committed answer"
        return idempotency.replay(answer)
    for written, told in prepared:
        # What was prepared by an attempt that lost is not what came of the call.
        if written is result:
            return rendering.answer(told, status=status(result))
    return idempotency.keep(key, status=status(result), body=body(result))


class TransactionsView(PartnerView):
    scopes: ClassVar = {"post": "transactions:write"}

    @docs.record_transaction
    def post(self, request: Request) -> HttpResponse:
        """Record a sale or return; a repeat is answered with the first result."""
        reported = parsing.decode(request, Transaction)
        caller = auth.caller(request)
        journey: Any = returning.record if isinstance(reported, Return) else earning.record

        def write(also: Callable[[Batch, Any], None]) -> returning.Answer:
            answer: returning.Answer = journey(
                reported,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )
            return answer

        return once(request, write, body=answer_of, status=status_of)


class TransactionView(PartnerView):
    scopes: ClassVar = {"get": "transactions:read"}

    @docs.read_transaction
    def get(self, request: Request, transaction_id: UUID) -> HttpResponse:
        """A transaction with the reasons for what it gave, and for what it did not."""
        program = auth.caller(request).program
        activity = Activity.objects.of(program).filter(pk=transaction_id).exclude(kind="event").first()
        if activity is None:
            raise NotFound(f"There is no transaction {transaction_id}.")
        return rendering.answer(explaining.told(activity, program=program))


class EventsView(PartnerView):
    scopes: ClassVar = {"post": "events:write"}

    @docs.record_event
    def post(self, request: Request) -> HttpResponse:
        """Record a custom event of a member; campaigns may give points for it."""
        event = parsing.decode(request, CustomEvent)
        caller = auth.caller(request)

        def write(also: earning.Also) -> Recorded:
            return earning.record(
                event,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )

        return once(request, write, body=answer_of)


class RedemptionsView(PartnerView):
    scopes: ClassVar = {"post": "redemptions:write"}

    @docs.redeem_reward
    def post(self, request: Request) -> HttpResponse:
        """Buy a reward with a member's points; the answer holds the voucher's code."""
        wanted = parsing.decode(request, RedemptionRequest)
        caller = auth.caller(request)

        def write(also: redeeming.Also) -> redeeming.Redeemed:
            return redeeming.redeem(
                member=wanted.member,
                reward=wanted.reward,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )

        return once(request, write, body=msgspec.to_builtins)
