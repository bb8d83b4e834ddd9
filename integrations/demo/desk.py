"""What people did at their desks: points adjusted, shared and held, a household, a duplicate, a cost."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from integrations.demo import staff
from loyalty.core import approvals
from loyalty.core.models import Program, Role, User
from members import adjustments, enrolment, holds, households, merging, transfers, warnings
from members.adjustments import Adjusted
from members.finance import proposals
from members.models import Adjustment, Member, Wallet, WalletType
from members.references import MemberReference

SHOP: Final = "web-shop"
ACTOR: Final = "system:demo"
RICH_ENOUGH: Final = 900
PEOPLE: Final = 6


def ensure(program: Program, *, at: datetime) -> None:
    """Let a day at the desks happen, unless it has, or too few have points. `at` is when, after the year."""
    if Adjustment.objects.filter(program=program).exists():
        return
    desk = _Desk(program, at)
    if len(desk.people) < PEOPLE:
        return
    desk.finance()
    desk.support()
    desk.family()
    desk.duplicates()
    desk.checkout()
    for _ in warnings.warn(program, at=at):
        pass


class _Desk:
    """Those who act, and members with some points to act upon; nobody who is met in the README."""

    def __init__(self, program: Program, at: datetime) -> None:
        self.program = program
        self.at = at
        self.points = WalletType.objects.get(program=program, key="points")
        rich = Wallet.objects.filter(program=program, type=self.points, available__gte=RICH_ENOUGH)
        poorest_first = rich.select_related("member").order_by("available", "pk")
        self.people = [wallet.member for wallet in poorest_first[:PEOPLE]]

    def _user(self, role: Role) -> User:
        return User.objects.get(email=staff.email_of(role))

    def finance(self) -> None:
        """
        What a point costs, and how many are never redeemed: one rate in force, one that waits.

        No month is closed: more of the year may still be loaded.
        """
        farid, amina = self._user(Role.FINANCE), self._user(Role.ADMINISTRATOR)
        long_ago = (self.at - timedelta(days=400)).date()
        proposals.set_cost(self.points, cost=Decimal("0.009"), from_date=long_ago)
        this_year = (self.at - timedelta(days=120)).date().replace(day=1)
        proposals.set_cost(self.points, cost=Decimal("0.01"), from_date=this_year)
        for rate, day, is_agreed, note in [
            ("0.15", long_ago, True, "What expired of last year's points."),
            ("0.12", self.at.date(), False, "More is redeemed than we thought."),
        ]:
            asked = proposals.propose_rate(
                self.points,
                cohort="",
                rate=Decimal(rate),
                from_date=day,
                note=note,
                by=farid,
                at=self.at,
            )
            if is_agreed:
                approvals.approve(asked.pk, program=self.program, by=amina, at=self.at)

    def support(self) -> None:
        """Some points for a cold pizza, a mistake put right, and a sum for which a second person is asked."""
        for member, points, reason, note in [
            (self.people[0], 150, "goodwill", "The pizza arrived cold, twice."),
            (self.people[1], -40, "correction", "Booked for the wrong card at store 318."),
            (self.people[2], 20_000, "goodwill", "Won the summer prize draw; letter is in the file."),
        ]:
            self._adjust(member, points, reason, note)

    def _adjust(self, member: Member, points: int, reason: str, note: str) -> bool:
        sam = self._user(Role.SUPPORT)
        done = adjustments.adjust(
            program=self.program,
            member_id=member.pk,
            wallet_type="points",
            points=points,
            reason=reason,
            note=note,
            by=sam,
            actor=sam.actor,
            at=self.at,
        )
        return isinstance(done, Adjusted)

    def family(self) -> None:
        """Two who collect together, and points that one gave to the other."""
        head, other = self.people[3:5]
        household = households.found(head=head, name="Elm Street", actor=ACTOR, at=self.at)
        households.join(household, member=other, actor=ACTOR, at=self.at)
        transfers.send(
            sender=_known(head),
            recipient=_known(other),
            wallet_type="points",
            points=200,
            program=self.program,
            source=SHOP,
            actor=f"partner:{SHOP}",
            at=self.at,
        )

    def duplicates(self) -> None:
        """Two who registered again with a new e-mail address: one is merged, one is there to be merged."""
        for member, is_merged in [(self.people[1], True), (self.people[5], False)]:
            again = enrolment.enrol(
                program=self.program,
                identifiers=[("email", f"{member.first_name}.{member.last_name}.2@example.com".lower())],
                first_name=member.first_name,
                last_name=member.last_name,
                birth_date=member.birth_date,
                enrolled_at=self.at,
                at=self.at,
                actor=ACTOR,
            )
            self._adjust(again, 50, "goodwill", "Welcome points that the form forgot.")
            if is_merged:
                merging.merge(survivor=member, duplicate=again, actor=ACTOR, at=self.at)

    def checkout(self) -> None:
        """A basket that waits for its payment, longer than most."""
        holds.place(
            member=_known(self.people[0]),
            wallet_type="points",
            points=300,
            lives_for=holds.LONGEST_LIFE,
            program=self.program,
            source=SHOP,
            actor=f"partner:{SHOP}",
            at=self.at,
        )


def _known(member: Member) -> MemberReference:
    return MemberReference(kind="id", value=str(member.pk))
