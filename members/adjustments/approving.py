"""Adjustments above the limits: what the second person is told, and what is done when they agree."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.approvals import Fact, Kind
from loyalty.core.errors import DomainError
from loyalty.core.models import Approval, User
from members import reasons
from members.adjustments import adjusting, booking, orders
from members.models import ExpiryRule, Member, ReasonCode, Wallet, WalletType

MAY_APPROVE: Final = "members.approve_adjustment"


class ReasonHasChanged(DomainError):
    """What follows from the reason is not what it was when the adjustment was asked for."""

    code: ClassVar[str] = "reason_has_changed"
    title = gettext_lazy("The reason has changed meanwhile")


def carry_out(approval: Approval, by: User, at: datetime) -> str:
    """
    Book what was asked for, in the name of whoever asked.

    :raises ReasonHasChanged: if it would now mean something else for tiers, expiry or cost
    :raises DomainError: what `adjustments.adjust()` raises at this moment
    """
    asked = approval.payload
    order = orders.ordered(
        id=approval.pk,
        program=approval.program,
        member_id=UUID(asked["member_id"]),
        wallet_type=asked["wallet_type"],
        points=asked["points"],
        reason=asked["reason"],
        note=approval.note,
        by=approval.requested_by,
        actor=approval.actor,
        at=at,
    )
    if reasons.consequences(order.reason) != asked["consequences"]:
        raise ReasonHasChanged(
            _("“%(reason)s” means something else now than when this was asked for: ask again.")
            % {"reason": order.reason}
        )
    return f"adjustment:{booking.book(order, approval=approval).id}"


def tell(waiting: Sequence[Approval]) -> Mapping[UUID, tuple[Fact, ...]]:
    """Who gets or loses how many points, why, and what follows from it; four queries for all."""
    members = Member.objects.in_bulk({approval.subject_id for approval in waiting})
    balances = _balances(waiting)
    programs = {approval.program_id for approval in waiting}
    labels = dict(ReasonCode.objects.filter(program__in=programs).values_list("key", "label"))
    names = dict(WalletType.objects.filter(program__in=programs).values_list("key", "name"))
    return {
        approval.pk: (
            Fact(
                _("Member"),
                str(members[UUID(approval.payload["member_id"])]),
                page=("members_member", UUID(approval.payload["member_id"])),
            ),
            Fact(_("Has now"), f"{balances.get(_place(approval), 0):,}"),
            *_facts(approval.payload, labels, names),
        )
        for approval in waiting
    }


def _place(approval: Approval) -> tuple[UUID, str]:
    return UUID(approval.payload["member_id"]), approval.payload["wallet_type"]


def _balances(waiting: Sequence[Approval]) -> dict[tuple[UUID, str], int]:
    """What those members can spend now, by member and key of the kind of points."""
    wallets = Wallet.objects.filter(member__in={approval.subject_id for approval in waiting})
    rows = wallets.values_list("member_id", "type__key", "available")
    return {(member_id, key): available for member_id, key, available in rows}


def _facts(asked: Mapping[str, Any], labels: Mapping[str, str], names: Mapping[str, str]) -> list[Fact]:
    points, then = asked["points"], asked["consequences"]
    kind = names.get(asked["wallet_type"], asked["wallet_type"])
    facts = [
        Fact(_("Gets") if points > 0 else _("Loses"), f"{abs(points):,} {kind}"),
        Fact(_("Reason"), labels.get(asked["reason"], asked["reason"])),
        Fact(_("Tiers"), _("counts towards tiers") if then["counts_towards_tiers"] else _("does not count")),
    ]
    if points > 0:
        facts.append(Fact(_("Expires"), _expiry(then)))
    if then["cost_centre"]:
        facts.append(Fact(_("Paid by"), then["cost_centre"]))
    return [*facts, Fact(_("Why you are asked"), asked["because"])]


def _expiry(then: Mapping[str, Any]) -> str:
    if not then["expiry_rule"]:
        return _("as this kind of points does")
    if then["expires_on_date"]:
        return formats.date_format(date.fromisoformat(then["expires_on_date"]), "DATE_FORMAT")
    rule = str(ExpiryRule(then["expiry_rule"]).label)
    return rule if then["expires_after"] is None else f"{rule}: {then['expires_after']}"


KIND: Final = Kind(
    key=adjusting.APPROVAL,
    label=gettext_lazy("Adjustment of points"),
    permission=MAY_APPROVE,
    carry_out=carry_out,
    tell=tell,
)
