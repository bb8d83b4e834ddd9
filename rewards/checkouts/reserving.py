"""What is applied to a checkout is kept for it: points and rewards are reserved, kept longer, let go."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from members import holds
from members.paying import Context, HoldIsClosed
from members.references import MemberReference
from rewards import redeeming
from rewards.checkouts.offered import pointed
from rewards.checkouts.quote import PointsApplied, Quote, Reserved, RewardApplied, VoucherApplied
from rewards.models import Checkout, Redemption, RedemptionStatus
from rewards.redeeming import RedemptionNotInState, vouchers


def kept_for(checkout: Checkout) -> str:
    """How a hold of points names what it is kept for."""
    return f"checkout:{checkout.pk}"


class Reserving:
    """
    The reservations of one checkout, from what it has to what it will have.

    What is still wanted is kept longer; what is not is let go first, so that it can be reserved anew.
    """

    def __init__(
        self, checkout: Checkout, before: Quote | None, context: Context, *, from_household: bool
    ) -> None:
        self._checkout = checkout
        self._context = context
        self._from_household = from_household
        self._member = MemberReference("id", str(checkout.member_id))
        self._points = {one.wallet_type: one for one in before.points} if before else {}
        self._rewards = list(before.rewards) if before else []
        self._vouchers = {one.voucher_id for one in before.vouchers} if before else set()

    def vouchers(self, wanted: Sequence[UUID]) -> None:
        """
        Keep a use of these, and let go of others. Before anything else, in the order of their rows.

        Whoever holds rows of vouchers comes to those of rewards after them: see Note [One end of a
        redemption].
        """
        for voucher_id in sorted(self._vouchers.symmetric_difference(wanted)):
            if voucher_id in self._vouchers:
                vouchers.let_go(voucher_id, program=self._context.program)
                continue
            with pointed(f"#/vouchers/{wanted.index(voucher_id)}"):
                vouchers.reserve(voucher_id, program=self._context.program, at=self._context.at)

    def keep(self, *, points: Mapping[str, int], rewards: Sequence[str]) -> None:
        """Keep longer what is wanted again just so, and let the rest go."""
        wanted = list(rewards)
        kept: list[RewardApplied] = []
        for one in self._rewards:
            if one.reward in wanted and self._prolong_reward(one.redemption_id):
                wanted.remove(one.reward)
                kept.append(one)
        let_go = [one.redemption_id for one in self._rewards if one not in kept]
        release_rewards(let_go, self._context)
        self._rewards = kept
        for key, held in list(self._points.items()):
            if points.get(key) != held.points or not self._prolong_points(held.hold_id):
                release_points(self._checkout, [held], self._context)
                del self._points[key]

    def rewards(self, keys: Sequence[str]) -> list[Reserved]:
        """
        Redemptions of these rewards, in this order.

        What is kept has the price that it was reserved for. New ones take their rows in a stated order.
        """
        kept = list(self._rewards)
        found: dict[int, Reserved] = {}
        for position in sorted(range(len(keys)), key=lambda position: (keys[position], position)):
            same = next((one for one in kept if one.reward == keys[position]), None)
            if same is not None:
                kept.remove(same)
                found[position] = Reserved(id=same.redemption_id, points=same.points, brought=same.brought)
                continue
            with pointed(f"#/rewards/{position}"):
                found[position] = self._hold_reward(keys[position])
        return [found[position] for position in range(len(keys))]

    def points(self, key: str, points: int, *, position: int) -> Reserved:
        """The hold of so many points of a kind."""
        if kept := self._points.get(key):
            return Reserved(id=kept.hold_id, points=points, brought=kept.brought)
        with pointed(f"#/points/{position}/points"):
            held = holds.place(
                member=self._member,
                wallet_type=key,
                points=points,
                lives_for=self._checkout.expires_at - self._context.at,
                kept_for=kept_for(self._checkout),
                from_household=self._from_household,
                program=self._context.program,
                source=self._context.source,
                actor=self._context.actor,
                at=self._context.at,
            )
        return Reserved(id=held.hold.id, points=points, brought=held.brought)

    def _hold_reward(self, key: str) -> Reserved:
        redemption = redeeming.hold(
            member=self._member,
            reward=key,
            lives_for=self._checkout.expires_at - self._context.at,
            from_household=self._from_household,
            program=self._context.program,
            source=self._context.source,
            actor=self._context.actor,
            at=self._context.at,
        )
        return Reserved(id=redemption.pk, points=redemption.points, brought=redemption.brought)

    def _prolong_reward(self, redemption_id: UUID) -> bool:
        # Somebody may have given it up by itself; it is then reserved anew.
        with suppress(RedemptionNotInState):
            redeeming.prolong(
                redemption_id,
                expires_at=self._checkout.expires_at,
                program=self._context.program,
                at=self._context.at,
            )
            return True
        return False

    def _prolong_points(self, hold_id: UUID) -> bool:
        with suppress(HoldIsClosed):
            holds.prolong(
                hold_id,
                expires_at=self._checkout.expires_at,
                kept_for=kept_for(self._checkout),
                program=self._context.program,
                at=self._context.at,
            )
            return True
        return False


def release_points(checkout: Checkout, points: Sequence[PointsApplied], context: Context) -> None:
    for one in points:
        holds.release(
            one.hold_id,
            kept_for=kept_for(checkout),
            program=context.program,
            source=context.source,
            actor=context.actor,
            at=context.at,
        )


def release_rewards(redemption_ids: Sequence[UUID], context: Context) -> None:
    """Give those up that are still reserved; what a partner has confirmed by itself is the member's."""
    if not redemption_ids:
        return
    held = Redemption.objects.of(context.program).filter(pk__in=redemption_ids, status=RedemptionStatus.HELD)
    for redemption_id in held.order_by("reward__key", "pk").values_list("pk", flat=True):
        redeeming.release(
            redemption_id,
            program=context.program,
            source=context.source,
            actor=context.actor,
            at=context.at,
        )


def let_go_of_vouchers(applied: Sequence[VoucherApplied], context: Context) -> None:
    """In the order of their rows, which others may want, too."""
    for voucher_id in sorted(one.voucher_id for one in applied):
        vouchers.let_go(voucher_id, program=context.program)


def latest(checkout: Checkout, wanted: datetime) -> datetime:
    """Until when a checkout may live: nothing can be reserved for longer than a hold lives."""
    return min(wanted, checkout.opened_at + holds.LONGEST_LIFE)
