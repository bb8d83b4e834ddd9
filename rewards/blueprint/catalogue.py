"""The catalogue of rewards."""

from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import User
from rewards.blueprint.columns import Column, Unreadable
from rewards.blueprint.section import Section
from rewards.models import DISCOUNT_FIELDS, Reward

LIMITED: Final = "limited"


class StockColumn(Column):
    """Whether the pieces are counted. How many there are is the moment's business, and differs by program."""

    def of(self, row: Any) -> str | None:
        return None if row.stock is None else LIMITED

    def stored(self, value: Any) -> int | None:
        return None if value is None else 0

    def _from_text(self, text: str) -> Any:
        if text != LIMITED:
            said = _now("Write “limited”, or leave the line out. Pieces are counted on the reward's page.")
            raise Unreadable(said)
        return text

    def _clean(self, value: Any) -> None:
        """It is no number here."""


class Rewards(Section):
    key = "rewards"
    label = _("Reward")
    model = Reward
    columns = (
        "name",
        "description",
        "wallet_type",
        "price",
        "stock",
        "limit_per_member",
        "limit_period",
        "has_voucher",
        "voucher_valid_days",
        "voucher_uses",
        "codes_from",
        "codes_warn_below",
        *DISCOUNT_FIELDS,
        "is_active",
        "starts_at",
        "ends_at",
    )
    kinds = {"stock": StockColumn}
    refers = {"wallet_type": "wallet_types"}
    stays = _("It stays on offer.")
    retires = _("It is taken off the offer.")

    def is_over(self, row: Any) -> bool:
        return not row.is_active

    def retire(self, row: Any, *, by: User, at: datetime) -> None:
        row.is_active = False
        row.save(update_fields=["is_active"])
