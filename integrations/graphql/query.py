"""What can be asked for at the beginning of a query, and the schema of it all."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.schema.config import StrawberryConfig

from integrations.graphql import catalogue, people, purchases
from integrations.graphql.filtering import Before, From, Of, Text, filtered, given
from integrations.graphql.limits import FIRST
from integrations.graphql.reading import After, Connection, First, Info, Page, all_of, one_of, page
from loyalty.core.errors import NotFound
from members import models as members
from members import references
from members.api.filters import MemberFilter, meant
from rewards import models as rewards

Reference = Annotated[str, strawberry.argument(description="Our id, or as `card:1001`.")]
Identified = Annotated[Text, strawberry.argument(description="Who is known by it, as `card:1001`.")]
Named = Annotated[Text, strawberry.argument(description="How the first or last name begins, or both.")]


@strawberry.type
class Whoami:
    """Who is calling, and what they may read."""

    program: str
    program_name: str
    currency: str
    time_zone: str
    partner: str
    credential_kind: str
    scopes: list[str]


@strawberry.type
class Query:
    """Everything is read within the program of the credential, and by its scopes."""

    @strawberry.field(description="Any valid credential may ask.")
    def whoami(self, info: Info) -> Whoami:
        caller = info.context.caller
        return Whoami(
            program=caller.program.key,
            program_name=caller.program.name,
            currency=caller.program.currency,
            time_zone=caller.program.time_zone,
            partner=caller.partner_key,
            credential_kind=caller.credential_kind,
            scopes=sorted(caller.scopes),
        )

    @strawberry.field(extensions=[catalogue.MEMBERS], description="Null if the program has no such member.")
    def member(self, info: Info, reference: Reference) -> people.Member | None:
        try:
            asked = references.read(reference)
        except NotFound:
            return None
        found = meant(members.Member.objects.of(info.context.program), asked).first()
        return one_of(found, make=people.Member.of)  # type: ignore[no-any-return]

    @strawberry.field(extensions=[catalogue.MEMBERS])
    def members(
        self,
        info: Info,
        first: First = FIRST,
        after: After = None,
        identifier: Identified = None,
        status: Text = None,
        name: Named = None,
        enrolled_from: From = None,
        enrolled_before: Before = None,
    ) -> Connection[people.Member] | None:
        program = info.context.program
        asked = given(
            {
                "identifier": identifier,
                "status": status,
                "name": name,
                "enrolled_from": enrolled_from,
                "enrolled_before": enrolled_before,
            }
        )
        rows = filtered(members.Member.objects.of(program), MemberFilter, asked, program=program)
        at = Page("members", first, after, by=("enrolled_at", "id"), filters=asked)
        return page(rows, at, program=program, make=people.Member.of)

    @strawberry.field(
        extensions=[catalogue.TRANSACTIONS],
        description="Sales and returns, by when they happened; `kind` is sale or return.",
    )
    def transactions(
        self,
        info: Info,
        first: First = FIRST,
        after: After = None,
        member: Of = None,
        kind: Text = None,
        status: Text = None,
        store: Text = None,
        external_id: Text = None,
        occurred_from: From = None,
        occurred_before: Before = None,
    ) -> Connection[purchases.Transaction] | None:
        program = info.context.program
        asked = given(
            {
                "member": member,
                "kind": kind,
                "status": status,
                "store": store,
                "external_id": external_id,
                "occurred_from": occurred_from,
                "occurred_before": occurred_before,
            }
        )
        rows = purchases.transactions(program, asked)
        at = Page("transactions", first, after, by=("occurred_at", "id"), filters=asked)
        return page(rows, at, program=program, make=purchases.Transaction.of)

    @strawberry.field(extensions=[catalogue.REDEMPTIONS])
    def redemptions(
        self,
        info: Info,
        first: First = FIRST,
        after: After = None,
        member: Of = None,
        reward: Text = None,
        status: Text = None,
        redeemed_from: From = None,
        redeemed_before: Before = None,
    ) -> Connection[purchases.Redemption] | None:
        program = info.context.program
        asked = given(
            {
                "member": member,
                "reward": reward,
                "status": status,
                "redeemed_from": redeemed_from,
                "redeemed_before": redeemed_before,
            }
        )
        rows = purchases.redemptions(program, asked)
        at = Page("redemptions", first, after, by=("redeemed_at", "id"), filters=asked)
        return page(rows, at, program=program, make=purchases.Redemption.of)

    @strawberry.field(extensions=[catalogue.REWARDS])
    def rewards(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[catalogue.Reward] | None:
        program = info.context.program
        rows = rewards.Reward.objects.of(program).select_related("wallet_type")
        return page(rows, Page("rewards", first, after), program=program, make=catalogue.Reward.of)

    @strawberry.field(extensions=[catalogue.CAMPAIGNS])
    def campaigns(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[catalogue.Campaign] | None:
        program = info.context.program
        rows = rewards.Campaign.objects.of(program)
        return page(rows, Page("campaigns", first, after), program=program, make=catalogue.Campaign.of)

    @strawberry.field(extensions=[catalogue.MEMBERS])
    def segments(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[catalogue.Segment] | None:
        program = info.context.program
        rows = members.Segment.objects.of(program)
        return page(rows, Page("segments", first, after), program=program, make=catalogue.Segment.of)

    @strawberry.field(extensions=[catalogue.MEMBERS])
    def tier_ladders(self, info: Info) -> list[catalogue.TierLadder] | None:
        rows = members.TierLadder.objects.of(info.context.program).select_related("wallet_type")
        return all_of(rows.order_by("key"), make=catalogue.TierLadder.of)


class Schema(strawberry.Schema):
    """Says nothing of errors in the log: the view knows which of them are faults of ours."""

    def process_errors(self, *_args: Any, **_given: Any) -> None:
        pass


SCHEMA: Final = Schema(
    Query,
    config=StrawberryConfig(scalar_map=catalogue.SCALARS),  # type: ignore[arg-type]
)
