"""What a partner and support are told of a return: what came back, what was taken, what was given back."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from members.ledger.operations import Change, Reversal
from rewards.journeys.returns.found import SoldThen
from rewards.journeys.returns.goods import Back, money
from rewards.journeys.returns.payments import GivenBack


def goods(back: Back, amount: Decimal, sale: SoldThen, currency: str) -> dict[str, Any]:
    return {
        "amount": {"amount": f"{amount:.2f}", "currency": currency},
        "lines": [
            {"id": line["id"], "quantity": line["quantity"], "amount": line["amount"]}
            for line in lines(back, sale, currency)
        ],
    }


def lines(back: Back, sale: SoldThen, currency: str) -> list[dict[str, Any]]:
    """The lines that came back, as the sale had them, with what came back of each."""
    sold = {line["id"]: line for line in sale.lines}
    return [
        {
            **sold[line_id],
            "quantity": f"{line.quantity.normalize():f}",
            "amount": {"amount": f"{money(line.worth):.2f}", "currency": currency},
        }
        for line_id, line in back.lines.items()
    ]


def taken(
    reversal: Reversal, *, wallet_type: str, wanted: int, by_campaign: Iterable[tuple[str, int]]
) -> dict[str, Any]:
    """
    What one wallet lost: `points` of the `owed` ones; `debt` the next points pay, `written_off` nobody.

    Points that have expired since are neither: they are gone already.
    """
    return {
        "wallet_type": wallet_type,
        "points": -reversal.change.entry.points if reversal.change else 0,
        "owed": wanted,
        "written_off": reversal.written_off,
        "debt": reversal.debt,
        "campaigns": [{"campaign": key, "points": points} for key, points in by_campaign if points],
    }


def award(taken: dict[str, Any], *, amount: Decimal, sale: SoldThen) -> dict[str, Any]:
    reason = f"{amount} of {sale.amount} came back"
    if taken["written_off"]:
        reason += f"; {taken['written_off']} points were spent and are written off"
    if taken["debt"]:
        reason += f"; {taken['debt']} points were spent and are owed"
    return {"wallet_type": taken["wallet_type"], "points": -taken["points"], "reason": reason}


def given_back(
    one: GivenBack, *, wallet_type: str, restored: Change, expired: Change | None
) -> dict[str, Any]:
    """`points` that came back, of which some `expired` at once and some paid what was owed (`debt_paid`)."""
    return {
        "wallet_type": wallet_type,
        "hold_id": str(one.payment.hold_id),
        "points": one.points,
        "expired": -expired.entry.points if expired else 0,
        "debt_paid": restored.moved("available", "reversed"),
    }
