"""Many people become members in one call."""

from collections import defaultdict
from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, bulk
from loyalty.core.api.bulk import Done
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members import enrolment
from members.api import examples
from members.api.bodies import ChangedMember, MemberBody, Registration
from members.models import Identifier, Member


class BatchView(PartnerView):
    scopes: ClassVar = {"post": "members:write"}

    @operation(
        id="register_members",
        tag="Members",
        summary="Register many members",
        description="""
        Up to 1,000 people in one call: each is registered, or refused by itself, as `POST /v1/members` would.
        The answer has a result for each, in order. It takes no Idempotency-Key: somebody whose identifiers
        are all known already, as one member's, is answered with 200 and that member as they are. So whoever
        got no answer sends everything again. Of somebody who was known, a credential without `members:read`
        is told `id` and `status` alone. Publishes `member.registered` for each new member.
        """,
        takes_many=Registration,
        takes_example={"items": [examples.REGISTRATION]},
        answers_many=ChangedMember,
        example={"results": [{"index": 0, "status": 201, "body": examples.MEMBER}]},
    )
    def post(self, request: Request) -> HttpResponse:
        """Register them."""
        caller = auth.caller(request)
        at = clock.now(caller.program)
        may_read = auth.has(request, "members:read")

        def work(wanted: list[Registration]) -> list[Done | DomainError]:
            results = enrolment.enrol_or_find(
                [one.enrolment(at) for one in wanted], program=caller.program, at=at, actor=caller.actor
            )
            known = _known_by(caller.program, [one[0].pk for one in results if isinstance(one, tuple)])

            def told(member: Member, is_new: bool) -> Done:
                # All that there is to tell of somebody new was in the call.
                body = MemberBody.of(member, known[member.pk])
                return Done(201 if is_new else 200, ChangedMember.of(body, is_readable=is_new or may_read))

            return [one if isinstance(one, DomainError) else told(*one) for one in results]

        return bulk.answer(request, Registration, work)


def _known_by(program: Program, member_ids: Iterable[UUID]) -> dict[UUID, list[Identifier]]:
    known = defaultdict[UUID, list[Identifier]](list)
    for identifier in Identifier.objects.of(program).filter(member__in=list(member_ids)):
        known[identifier.member_id].append(identifier)
    return known
