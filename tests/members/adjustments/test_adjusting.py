"""Points given and taken by hand, and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from loyalty.core.db import Batch
from loyalty.core.errors import DomainError, InvalidInput, NotFound
from loyalty.core.models import Approval, Event, IdempotencyRecord, Role
from members import adjustments
from members.adjustments import Adjusted, MayNotAdjust, NotAdjustable, Requested, SentBefore
from members.ledger.operations import InsufficientPoints, TooManyPoints
from members.models import (
    Adjustment,
    AdjustmentDay,
    Entry,
    Lot,
    Member,
    MemberTier,
    Posting,
    ReasonCode,
    TierLadder,
    Wallet,
    WalletType,
)
from members.reasons import UnknownReason, WrongDirection
from members.references import MemberIsMerged
from tests import factories
from tests.members.adjustments.desk import Desk, balance, is_proven
from tests.members.conftest import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("points", "goodwill", "correction", "limits")]


class TestAdjust:
    def test_gives_points_at_once_within_the_limits(self, desk: Desk, ada: Member, goodwill: ReasonCode):
        done = desk.gives(500, note=" The coffee was cold. ")

        assert isinstance(done, Adjusted)
        entry = Entry.objects.get()
        adjustment = Adjustment.objects.get()
        assert (done.points, done.balance, done.entry_id) == (500, 500, entry.pk)
        assert (entry.kind, entry.cause) == ("adjust", f"adjustment:{done.id}:adjust")
        assert (entry.actor, entry.reason) == (f"staff:{desk.by.pk}", "Goodwill")  # type: ignore[union-attr]
        assert (adjustment.pk, adjustment.reason, adjustment.by) == (done.id, goodwill, desk.by)
        assert (adjustment.note, adjustment.cost_centre) == ("The coffee was cold.", "marketing")
        assert Lot.objects.get().source == "adjustment"
        assert balance(ada) == 500
        assert is_proven()

    def test_takes_points_from_those_that_expire_first(self, desk: Desk, ada: Member):
        desk.gives(300)
        done = desk.takes(120)

        assert isinstance(done, Adjusted)
        assert (done.points, done.balance) == (-120, 180)
        assert Posting.objects.get(entry=done.entry_id).destination == "reversed"
        assert is_proven()

    def test_takes_few_queries(self, desk: Desk, django_assert_num_queries: Any):
        desk.gives(1)

        # The person's role (by permission and by limit; at the pages it is known), the reason, the limit,
        # the day, the member, the lots, and one that writes; four for the transaction and a savepoint.
        with django_assert_num_queries(12):
            desk.gives(1)
        # And what was sent before: an adjustment or a request?
        with django_assert_num_queries(16):
            desk.gives(1, adjustment_id=uuid4())

    def test_tells_partners_with_the_entry_and_without_the_note(self, desk: Desk, ada: Member):
        done = desk.gives(40, note="Her dog was ill")

        event = Event.objects.get(type="points.adjusted")
        assert event.data == {
            "entry_id": str(Entry.objects.get().pk),
            "wallet_type": "points",
            "points": 40,
            "balance": 40,
            "adjustment_id": str(done.id),
            "reason": "goodwill",
        }

    def test_counts_towards_tiers_if_the_reason_says_so(self, desk: Desk, ladder: TierLadder, ada: Member):
        admin = replace(desk, by=person(desk.program, Role.ADMINISTRATOR))
        desk.program.refresh_from_db()

        desk.gives(400, "goodwill")
        assert not MemberTier.objects.exists()

        admin.gives(1_200, "correction")
        standing = MemberTier.objects.select_related("tier").get()
        assert (standing.tier.key, standing.progress) == ("silver", 1_200)
        assert Event.objects.get(type="tier.upgraded").data["tier"] == "silver"

        admin.takes(300, "correction")
        standing.refresh_from_db()
        assert (standing.tier.key, standing.progress) == ("silver", 900)

    @pytest.mark.parametrize(
        ("rule", "expires_at"),
        [
            ({}, datetime(2026, 9, 1, 22, 0, tzinfo=UTC)),
            ({"expiry_rule": "never"}, None),
            ({"expiry_rule": "days", "expires_after": 10}, datetime(2026, 6, 11, 22, 0, tzinfo=UTC)),
        ],
    )
    def test_expires_as_the_reason_says_or_else_as_the_kind_of_points(
        self, desk: Desk, points: WalletType, goodwill: ReasonCode, rule: dict[str, Any], expires_at: Any
    ):
        WalletType.objects.update(expiry_rule="months", expires_after=3)
        ReasonCode.objects.filter(pk=goodwill.pk).update(**rule)
        desk.program.refresh_from_db()

        desk.gives(10)

        assert Lot.objects.get().expires_at == expires_at

    def test_gives_points_of_a_kind_that_is_younger_than_the_member(self, desk: Desk, ada: Member):
        factories.WalletTypeFactory.create(program=desk.program, key="stars", name="Stars")
        desk.program.refresh_from_db()

        desk.gives(5, wallet_type="stars")

        assert Wallet.objects.get(member=ada).type.key == "stars"

    def test_writes_what_must_be_written_with_it(self, desk: Desk, till_desk: Desk):
        def also(batch: Batch, result: Adjusted | Requested) -> None:
            batch.insert(
                IdempotencyRecord,
                ("key", "fingerprint", "caller", "status", "body", "created_at"),
                [],
            )
            seen.append(type(result))

        seen: list[type] = []
        till_desk.gives(10, also=also)
        till_desk.gives(200, also=also)

        assert seen == [Adjusted, Requested]

    def test_sent_again_is_booked_once(self, desk: Desk, ada: Member):
        form = uuid4()

        first = desk.gives(100, adjustment_id=form)
        second = desk.later(minutes=1).gives(100, adjustment_id=form)

        assert first == second
        assert balance(ada) == 100
        assert AdjustmentDay.objects.get().points == 100

    def test_sent_again_is_asked_for_once(self, desk: Desk):
        form = uuid4()

        first = desk.gives(600, adjustment_id=form)
        second = desk.later(minutes=1).gives(600, adjustment_id=form)

        assert first == second
        assert Approval.objects.count() == 1

    def test_sent_again_with_other_values_is_refused(self, desk: Desk, ada: Member):
        form, large = uuid4(), uuid4()
        desk.gives(100, adjustment_id=form)
        desk.gives(600, adjustment_id=large)

        with pytest.raises(SentBefore):
            desk.gives(200, adjustment_id=form)
        with pytest.raises(SentBefore):
            desk.gives(700, adjustment_id=large)

        assert balance(ada) == 100


class TestRefusals:
    @pytest.mark.parametrize(
        ("amount", "more", "refusal", "pointer"),
        [
            (0, {}, InvalidInput, "#/points"),
            (10**15 + 1, {}, InvalidInput, "#/points"),
            (10, {"wallet_type": "gems"}, InvalidInput, "#/wallet_type"),
            (10, {"reason": "bribe"}, UnknownReason, "#/reason"),
            (10, {"reason": "theirs"}, UnknownReason, "#/reason"),
            (10, {"reason": "retired"}, UnknownReason, "#/reason"),
            (-10, {"reason": "goodwill"}, WrongDirection, "#/points"),
            (10, {"reason": "misuse"}, WrongDirection, "#/points"),
            (10, {"note": "x" * 1001}, InvalidInput, "#/note"),
            (10, {"note": "\0"}, InvalidInput, "#/note"),
            (-10, {"reason": "correction"}, InsufficientPoints, None),
            (-700, {"reason": "correction"}, InsufficientPoints, None),
            (10, {"member_id": uuid4()}, NotFound, None),
        ],
    )
    def test_name_what_is_wrong_and_change_nothing(
        self, desk: Desk, amount: int, more: dict[str, Any], refusal: type[DomainError], pointer: str | None
    ):
        elsewhere = factories.ProgramFactory.create()
        ReasonCode.objects.create(program=elsewhere, key="theirs", label="Theirs")
        ReasonCode.objects.create(program=desk.program, key="retired", label="Retired", is_active=False)
        ReasonCode.objects.create(program=desk.program, key="misuse", label="Misuse", direction="remove")

        with pytest.raises(refusal) as refused:
            desk.gives(amount, **more)

        assert refused.value.pointer == pointer
        assert nothing_happened()

    def test_a_member_of_another_program_is_unknown(self, desk: Desk):
        with pytest.raises(NotFound):
            desk.gives(10, member_id=factories.MemberFactory.create().pk)

        assert nothing_happened()

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.FINANCE, Role.OPERATOR])
    def test_other_roles_may_not(self, desk: Desk, role: Role):
        with pytest.raises(MayNotAdjust):
            replace(desk, by=person(desk.program, role)).gives(10)

        assert nothing_happened()

    def test_support_of_another_program_may_not(self, desk: Desk):
        with pytest.raises(MayNotAdjust):
            replace(desk, by=person(factories.ProgramFactory.create(), Role.SUPPORT)).gives(10)

    def test_more_than_a_wallet_can_count_is_not_even_asked_for(self, desk: Desk):
        with pytest.raises(TooManyPoints):
            desk.gives(10**15, reason="correction", member_id=_rich(desk).pk)

        assert not Approval.objects.exists()

    def test_a_blocked_member_is_given_nothing_and_can_lose_points(self, desk: Desk, ada: Member):
        desk.gives(100)
        Member.objects.update(status="blocked")

        with pytest.raises(NotAdjustable, match="blocked"):
            desk.gives(10)
        desk.takes(60)

        assert balance(ada) == 40

    def test_a_merged_member_stays_as_they_are(self, desk: Desk, ada: Member):
        desk.gives(100)
        done = desk.gives(50)
        bert = factories.MemberFactory.create(program=desk.program)
        Member.objects.filter(pk=ada.pk).update(status="merged", merged_into=bert)

        for attempt in (lambda: desk.gives(10), lambda: desk.takes(10), lambda: desk.undoes(done.id)):
            with pytest.raises(MemberIsMerged, match="merged"):
                attempt()

        assert balance(ada) == 150


def _rich(desk: Desk) -> Member:
    member = factories.MemberFactory.create(program=desk.program)
    replace(desk, member=member).gives(1)
    return member


def nothing_happened() -> bool:
    return not (
        Adjustment.objects.exists()
        or Entry.objects.exists()
        or Approval.objects.exists()
        or AdjustmentDay.objects.exists()
        or Event.objects.exists()
    )


class TestLookAhead:
    def test_says_what_would_happen_and_does_nothing(self, desk: Desk, ladder: TierLadder, ada: Member):
        desk.program.refresh_from_db()
        desk.gives(200)

        outlook = adjustments.look_ahead(
            program=desk.program,
            member_id=ada.pk,
            wallet_type="points",
            points=1_000,
            reason="correction",
            by=desk.by,  # type: ignore[arg-type]
            at=desk.at,
        )

        assert (outlook.before, outlook.after, outlook.tier) == (200, 1_200, "Silver")
        assert "500" in outlook.because
        assert (Entry.objects.count(), AdjustmentDay.objects.get().points) == (1, 200)
