"""Those who act in the stories."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from loyalty.core.models import Program
from members import holds
from members.holds import Held
from members.references import MemberReference
from rewards import redeeming
from rewards.checkouts import sessions
from rewards.checkouts.contents import CheckoutRequest
from rewards.deciding.activities import CustomEvent, Line, Money, Return, ReturnedLine, Sale
from rewards.deciding.recorded import Recorded
from rewards.journeys import earning, returning
from rewards.models import Checkout, Redemption
from rewards.redeeming import Redeemed

CARD = MemberReference(kind="card", value="1001")


def euros(amount: str, currency: str = "EUR") -> Money:
    return Money(amount=amount, currency=currency)


def line(line_id: str, amount: str, **more: Any) -> Line:
    return Line(id=line_id, sku=f"sku-{line_id}", amount=euros(amount), **more)


@dataclass(frozen=True)
class Shop:
    """A till of the partner `till`, whose clock is the program's."""

    program: Program
    at: datetime
    source: str = "till"

    def later(self, **delta: float) -> "Shop":
        return replace(self, at=self.at + timedelta(**delta))

    def sale(self, external_id: str, amount: str, **more: Any) -> Sale:
        given = {"member": CARD, "occurred_at": self.at, **more}
        return Sale(external_id=external_id, amount=euros(amount), **given)

    def sells(self, external_id: str, amount: str, **more: Any) -> Recorded:
        return earning.record(self.sale(external_id, amount, **more), **self._where())

    def takes_back(
        self, external_id: str, sale: str, amount: str | None = None, *lines: ReturnedLine
    ) -> Recorded:
        answer = self.hears_of_return(external_id, sale, amount, *lines)
        assert isinstance(answer, Recorded), "the sale was reported"
        return answer

    def hears_of_return(
        self, external_id: str, sale: str, amount: str | None = None, *lines: ReturnedLine
    ) -> returning.Answer:
        returned = Return(
            external_id=external_id,
            occurred_at=self.at,
            sale_external_id=sale,
            amount=euros(amount) if amount else None,
            lines=lines or None,
        )
        return returning.record(returned, **self._where())

    def hears_of(self, external_id: str, event_type: str, **attributes: Any) -> Recorded:
        event = CustomEvent(
            external_id=external_id, occurred_at=self.at, type=event_type, member=CARD, attributes=attributes
        )
        return earning.record(event, **self._where())

    def redeems(self, reward: str, member: MemberReference = CARD) -> Redeemed:
        return redeeming.redeem(member=member, reward=reward, **self._where())

    def reserves(self, reward: str, member: MemberReference = CARD, **more: Any) -> Redemption:
        """Reserves a reward, for 15 minutes if not said otherwise."""
        return redeeming.hold(member=member, reward=reward, **more, **self._where())

    def holds(self, points: int, member: MemberReference = CARD, **more: Any) -> Held:
        """Reserves points, for 15 minutes if not said otherwise."""
        return holds.place(member=member, wallet_type="points", points=points, **more, **self._where())

    def checks_out(self, amount: str, **more: Any) -> Checkout:
        """A basket of one line on its way to being paid."""
        wanted = {"member": CARD, "lines": (line("1", amount),), **more}
        return sessions.begin(CheckoutRequest(**wanted), **self._where())

    def _where(self) -> dict[str, Any]:
        actor = f"partner:{self.source}"
        return {"program": self.program, "source": self.source, "actor": actor, "at": self.at}
