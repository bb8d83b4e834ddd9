"""What can be asked for at the beginning of a query, and the schema of it all."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.schema.config import StrawberryConfig

from integrations.graphql import catalogue, people
from integrations.graphql.limits import FIRST
from integrations.graphql.people import After, First
from integrations.graphql.reading import Connection, Info, Page, all_of, one_of, page
from loyalty.core.errors import NotFound
from members import models as members
from members import references
from members.api.filters import meant
from rewards import models as rewards

Reference = Annotated[str, strawberry.argument(description="Our id, or as `card:1001`.")]


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
        self, info: Info, first: First = FIRST, after: After = None, status: str | None = None
    ) -> Connection[people.Member] | None:
        program = info.context.program
        rows = members.Member.objects.of(program)
        rows = rows.filter(status=status) if status else rows
        asked = Page("members", first, after, by=("enrolled_at", "id"), filters=(status,))
        return page(rows, asked, program=program, make=people.Member.of)

    @strawberry.field(extensions=[catalogue.TRANSACTIONS], description="Sales and returns.")
    def transactions(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[people.Transaction] | None:
        return people.list_of_transactions(info, first, after)

    @strawberry.field(extensions=[catalogue.REDEMPTIONS])
    def redemptions(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[people.Redemption] | None:
        return people.list_of_redemptions(info, first, after)

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

    def process_errors(self, *_: Any, **__: Any) -> None:
        pass


SCHEMA: Final = Schema(
    Query,
    config=StrawberryConfig(scalar_map=catalogue.SCALARS),  # type: ignore[arg-type]
)
