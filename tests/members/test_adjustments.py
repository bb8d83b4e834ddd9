"""Points given and taken by hand: within limits at once, above them with a second person's consent."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from loyalty.core import approvals, events
from loyalty.core.approvals import OwnRequest
from loyalty.core.db import Batch
from loyalty.core.errors import DomainError, InvalidInput, NotFound
from loyalty.core.models import Approval, Event, IdempotencyRecord, Program, Role, User
from members import adjustment_undo, adjustments, expiry
from members.adjustment_approval import ReasonHasChanged
from members.adjustment_undo import AlreadyUndone
from members.adjustments import Adjusted, MayNotAdjust, NotAdjustable, Requested, SentBefore
from members.ledger import operations, store, verify
from members.ledger.chain import Cause
from members.ledger.operations import InsufficientPoints, TooManyPoints
from members.ledger.plan import Plan
from members.ledger.telling import told
from members.models import (
    Adjustment,
    AdjustmentDay,
    AdjustmentLimit,
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
from tests.cast import Shop
from tests.members.conftest import person
from tests.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("points", "goodwill", "correction", "limits")]


@dataclass(frozen=True)
class Desk:
    """Where somebody adjusts a member's points."""

    program: Program
    member: Member
    by: User | None
    at: datetime
    partner: str = ""

    def gives(self, points: int, reason: str = "goodwill", **more: Any) -> Adjusted | Requested:
        actor = f"staff:{self.by.pk}" if self.by else f"partner:{self.partner}"
        given = {"member_id": self.member.pk, "wallet_type": "points", "by": self.by, "at": self.at, **more}
        return adjustments.adjust(program=self.program, points=points, reason=reason, actor=actor, **given)

    def takes(self, points: int, reason: str = "correction", **more: Any) -> Adjusted | Requested:
        return self.gives(-points, reason, **more)

    def undoes(self, adjustment_id: Any) -> adjustment_undo.Undone:
        assert self.by
        return adjustment_undo.undo(adjustment_id, program=self.program, by=self.by, at=self.at)

    def agrees(self, request: Adjusted | Requested) -> Approval:
        assert self.by
        return approvals.approve(request.id, program=self.program, by=self.by, at=self.at)

    def later(self, **delta: float) -> "Desk":
        return replace(self, at=self.at + timedelta(**delta))


@pytest.fixture
def desk(program: Program, ada: Member, sam: User, noon: datetime) -> Desk:
    program.refresh_from_db()
    return Desk(program=program, member=ada, by=sam, at=noon)


@pytest.fixture
def other(desk: Desk, sue: User) -> Desk:
    """Sue's."""
    return replace(desk, by=sue)


@pytest.fixture
def till_desk(desk: Desk) -> Desk:
    return replace(desk, by=None, partner="till")


def balance(member: Member) -> int:
    return sum(Wallet.objects.filter(member=member).values_list("available", flat=True))


def is_proven() -> bool:
    return list(verify.run()) == []


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


class TestLimits:
    def test_above_the_limit_of_one_a_second_person_is_asked(self, desk: Desk, ada: Member, noon: datetime):
        asked = desk.gives(501, note="Big order")

        assert isinstance(asked, Requested)
        approval = Approval.objects.get()
        assert (asked.id, asked.expires_at) == (approval.pk, noon + timedelta(days=7))
        assert "500 points at once" in asked.because
        assert (approval.subject_id, approval.note) == (ada.pk, "Big order")
        assert approval.summary == "+501 Points: Goodwill"
        assert not Adjustment.objects.exists()

    def test_above_the_limit_of_the_day_a_second_person_is_asked(self, desk: Desk, ada: Member):
        results = [desk.gives(400), desk.takes(350, "correction"), desk.gives(300), desk.gives(250)]

        assert [type(result) for result in results] == [Adjusted, Adjusted, Requested, Adjusted]
        assert "Of 1,000 points a day, 750 are used" in results[2].because  # type: ignore[union-attr]
        assert balance(ada) == 300
        assert AdjustmentDay.objects.get().points == 1_000

    def test_a_day_is_one_of_the_programs(self, desk: Desk):
        desk.gives(500)
        desk.gives(500)

        # 22:00 in UTC is midnight in Berlin.
        before = desk.later(hours=9, minutes=59).gives(1)
        after = desk.later(hours=10).gives(1)

        assert (type(before), type(after)) == (Requested, Adjusted)

    def test_each_person_has_their_own_day(self, desk: Desk, other: Desk, till_desk: Desk):
        for who in (desk, desk, other):
            assert isinstance(who.gives(500), Adjusted)
        assert isinstance(till_desk.gives(100), Adjusted)
        assert isinstance(till_desk.gives(101), Requested)

    def test_what_is_refused_uses_nothing_up(self, desk: Desk):
        with pytest.raises(InsufficientPoints):
            desk.takes(400)

        assert not AdjustmentDay.objects.exists()

    def test_without_a_limit_each_adjustment_needs_a_second_person(self, desk: Desk):
        AdjustmentLimit.objects.all().delete()

        assert isinstance(desk.gives(1), Requested)

    def test_superusers_have_those_of_administrators(self, desk: Desk):
        root = factories.UserFactory.create(is_superuser=True)

        assert isinstance(replace(desk, by=root).gives(5_000), Adjusted)
        assert isinstance(replace(desk, by=root).gives(5_000), Requested)


class TestConsent:
    def test_books_what_was_asked_for_in_the_name_of_who_asked(self, desk: Desk, other: Desk, ada: Member):
        asked = desk.gives(800, note="Ruined dinner")

        approval = other.later(hours=2).agrees(asked)

        adjustment = Adjustment.objects.get()
        assert balance(ada) == 800
        assert (adjustment.pk, adjustment.approval, adjustment.by) == (asked.id, approval, desk.by)
        assert (adjustment.note, adjustment.adjusted_at) == ("Ruined dinner", desk.at + timedelta(hours=2))
        assert approval.result == f"adjustment:{adjustment.pk}"
        assert not AdjustmentDay.objects.exists()
        assert is_proven()

    def test_is_not_given_by_who_asked(self, desk: Desk, ada: Member):
        asked = desk.gives(800)

        with pytest.raises(OwnRequest):
            desk.agrees(asked)

        assert balance(ada) == 0

    @pytest.mark.parametrize("role", [Role.FINANCE, Role.ADMINISTRATOR, Role.SUPPORT])
    def test_is_given_by_those_who_may(self, desk: Desk, ada: Member, role: Role):
        asked = desk.gives(800)

        replace(desk, by=person(desk.program, role)).agrees(asked)

        assert balance(ada) == 800

    def test_is_given_to_a_partner_by_anyone_who_may(self, till_desk: Desk, desk: Desk, ada: Member):
        asked = till_desk.gives(200)

        desk.agrees(asked)

        assert (balance(ada), Adjustment.objects.get().actor) == (200, "partner:till")

    def test_comes_too_late_when_the_points_are_gone(self, desk: Desk, other: Desk, ada: Member):
        for _ in range(2):
            desk.gives(400)
        asked = other.takes(700)
        other.takes(200)

        with pytest.raises(InsufficientPoints, match="600"):
            desk.agrees(asked)

        assert balance(ada) == 600
        assert Approval.objects.get().status == "pending"

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            ({"is_active": False}, UnknownReason),
            ({"direction": "remove"}, WrongDirection),
            ({"counts_towards_tiers": True}, ReasonHasChanged),
            ({"cost_centre": "other"}, ReasonHasChanged),
            ({"expiry_rule": "never"}, ReasonHasChanged),
        ],
    )
    def test_is_for_what_the_reason_meant_then(
        self, desk: Desk, other: Desk, ada: Member, change: dict[str, Any], refusal: type[DomainError]
    ):
        asked = desk.gives(800)
        ReasonCode.objects.filter(key="goodwill").update(**change)

        with pytest.raises(refusal):
            other.agrees(asked)

        assert balance(ada) == 0

    def test_is_of_no_use_when_who_asked_may_not_adjust_any_more(self, desk: Desk, other: Desk, ada: Member):
        asked = desk.gives(800)
        desk.by.assignments.update(role=Role.MARKETER)  # type: ignore[union-attr]

        with pytest.raises(MayNotAdjust):
            other.agrees(asked)

        assert balance(ada) == 0

    def test_is_told_what_it_is_for(self, desk: Desk, ada: Member, goodwill: ReasonCode):
        ReasonCode.objects.filter(pk=goodwill.pk).update(expiry_rule="days", expires_after=30)
        asked = desk.gives(800)

        facts = approvals.told([Approval.objects.get()])[asked.id]

        assert [(str(fact.label), fact.text) for fact in facts] == [
            ("Member", "Ada Lovelace"),
            ("Has now", "0"),
            ("Gets", "800 Points"),
            ("Reason", "Goodwill"),
            ("Tiers", "does not count"),
            ("Expires", "A number of days after earning: 30"),
            ("Paid by", "marketing"),
            ("Why you are asked", "More than 500 points at once need a second person."),
        ]
        assert facts[0].page == ("members_member", ada.pk)


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


class TestUndo:
    def test_takes_given_points_back_with_their_progress(self, desk: Desk, ladder: TierLadder, ada: Member):
        desk.program.refresh_from_db()
        done = desk.gives(300, "correction")

        undone = desk.undoes(done.id)

        adjustment = Adjustment.objects.get()
        assert (undone.balance, undone.written_off, undone.owed) == (0, 0, 0)
        assert (adjustment.undone_by, adjustment.undone_at) == (desk.by, desk.at)
        assert adjustment.undo_entry.cause == f"adjustment:{done.id}:undo"  # type: ignore[union-attr]
        assert MemberTier.objects.get().progress == 0
        assert Event.objects.get(type="points.reversed").data["adjustment_id"] == str(done.id)
        assert is_proven()

    @pytest.mark.parametrize(
        ("policy", "written_off", "owed"), [("within_balance", 100, 0), ("debt", 0, 100)]
    )
    def test_of_points_that_are_gone_follows_the_policy(
        self, desk: Desk, ada: Member, policy: str, written_off: int, owed: int
    ):
        WalletType.objects.update(return_policy=policy)
        desk.program.refresh_from_db()
        done = desk.gives(300)
        desk.takes(100)

        undone = desk.undoes(done.id)

        # What was taken meanwhile came from the same grant, which is thus taken back already.
        assert (undone.balance, undone.written_off, undone.owed) == (0, 0, 0)
        assert is_proven()

        spent = desk.later(days=1).gives(200)
        _spend(desk, 100)
        undone = desk.later(days=1).undoes(spent.id)
        assert (undone.balance, undone.written_off, undone.owed) == (0, written_off, owed)
        assert is_proven()

    @pytest.mark.parametrize(("policy", "written_off", "owed"), [("within_balance", 60, 0), ("debt", 0, 60)])
    def test_of_points_that_a_return_took_for_what_was_spent_follows_the_policy(
        self, shop: Shop, desk: Desk, ada: Member, policy: str, written_off: int, owed: int
    ):
        WalletType.objects.update(return_policy=policy)
        desk.program.refresh_from_db()
        shop.sells("r1", "60.00")
        _spend(desk, 60)
        done = desk.gives(100)
        shop.later(days=1).takes_back("b1", "r1", "60.00")
        assert balance(ada) == 40

        undone = desk.later(days=2).undoes(done.id)

        assert (undone.balance, undone.written_off, undone.owed) == (0, written_off, owed)
        assert is_proven()

    def test_of_points_that_another_undo_took_for_what_was_spent_is_owed(self, desk: Desk, ada: Member):
        WalletType.objects.update(return_policy="debt")
        desk.program.refresh_from_db()
        first, second = desk.gives(100), desk.later(hours=1).gives(100)
        _spend(desk, 100)
        desk.later(hours=2).undoes(first.id)
        assert balance(ada) == 0

        undone = desk.later(hours=3).undoes(second.id)

        assert (undone.balance, undone.owed) == (0, 100)
        assert is_proven()

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_of_what_was_given_and_taken_leaves_nothing_in_either_order(
        self, desk: Desk, ada: Member, order: tuple[int, int]
    ):
        both = [desk.gives(300).id, desk.takes(100).id]

        for number in order:
            desk.later(hours=1).undoes(both[number])

        assert balance(ada) == 0
        assert Adjustment.objects.filter(undone_at=None).count() == 0
        assert is_proven()

    def test_owes_again_what_the_points_paid(self, desk: Desk, ada: Member):
        WalletType.objects.update(return_policy="debt")
        desk.program.refresh_from_db()
        first = desk.gives(100)
        _spend(desk, 100)
        desk.undoes(first.id)
        assert Wallet.objects.get().debt == 100
        second = desk.gives(250)
        assert (balance(ada), Wallet.objects.get().debt) == (150, 0)

        undone = desk.undoes(second.id)

        assert (undone.balance, undone.owed) == (0, 100)
        assert Wallet.objects.get().debt == 100
        assert is_proven()

    def test_gives_taken_points_back_with_their_old_dates(self, desk: Desk, ada: Member):
        WalletType.objects.update(expiry_rule="days", expires_after=30)
        desk.program.refresh_from_db()
        desk.gives(300)
        done = desk.takes(120)
        expires_at = Lot.objects.get().expires_at

        undone = desk.later(days=3).undoes(done.id)

        lot = Lot.objects.get()
        assert undone.balance == 300
        assert (lot.available, lot.reversed, lot.expires_at) == (300, 0, expires_at)
        assert Event.objects.filter(type="points.restored").count() == 1
        assert is_proven()

    def test_lets_expire_at_once_what_has_expired_meanwhile(self, desk: Desk, ada: Member):
        WalletType.objects.update(expiry_rule="days", expires_after=30)
        desk.program.refresh_from_db()
        desk.gives(300)
        done = desk.takes(120)
        later = desk.later(days=40)
        list(expiry.run(desk.program, at=later.at))

        undone = later.undoes(done.id)

        entries = Entry.objects.order_by("number").values_list("kind", "points")
        assert undone.balance == 0
        assert list(entries) == [
            ("adjust", 300),
            ("adjust", -120),
            ("expire", -180),
            ("restore", 120),
            ("expire", -120),
        ]
        assert is_proven()

    def test_happens_once(self, desk: Desk, other: Desk, ada: Member):
        done = desk.gives(300)
        other.undoes(done.id)

        with pytest.raises(AlreadyUndone):
            desk.undoes(done.id)

        assert balance(ada) == 0
        assert Entry.objects.count() == 2

    def test_happens_once_even_where_nothing_is_left_to_take(self, desk: Desk, ada: Member):
        WalletType.objects.update(expiry_rule="days", expires_after=1)
        desk.program.refresh_from_db()
        done = desk.gives(300)
        later = desk.later(days=5)
        list(expiry.run(desk.program, at=later.at))

        later.undoes(done.id)
        with pytest.raises(AlreadyUndone):
            later.undoes(done.id)

        adjustment = Adjustment.objects.get()
        assert (adjustment.undone_by, adjustment.undo_entry) == (desk.by, None)

    def test_is_for_those_who_may_adjust_in_the_program(self, desk: Desk, ada: Member):
        done = desk.gives(300)
        stranger = person(factories.ProgramFactory.create(), Role.SUPPORT)

        with pytest.raises(MayNotAdjust):
            replace(desk, by=stranger).undoes(done.id)
        with pytest.raises(MayNotAdjust):
            replace(desk, by=person(desk.program, Role.FINANCE)).undoes(done.id)
        with pytest.raises(NotFound):
            desk.undoes(uuid4())

        assert balance(ada) == 300


def _spend(desk: Desk, points: int) -> None:
    """As a reward would, through the ledger alone."""
    (account,) = store.load(desk.program.pk, [("id", str(desk.member.pk))])
    assert account
    (account,) = store.with_open_lots([account])
    cause = Cause(key=f"test:{uuid4()}", actor="partner:till", effective_at=desk.at, recorded_at=desk.at)
    change = operations.spend(account.wallets[0], points=points, cause=cause)
    plan = Plan([account])
    plan.apply(change)
    batch = Batch()
    store.add_to(batch, plan, program_id=desk.program.pk)
    events.add_to(batch, [told(change, wallet_type="points")])
    batch.write()


class TestDatabase:
    """Attacked past the operations, as SQL would."""

    @pytest.mark.parametrize(
        "change",
        [
            "points = points + 1",
            "reason_id = gen_random_uuid()",
            "member_id = gen_random_uuid()",
            "counts_towards_tiers = NOT counts_towards_tiers",
            "cost_centre = 'mine'",
            "note = 'other'",
            "by_id = NULL",
            "actor = 'staff:1'",
            "entry_id = gen_random_uuid()",
            "approval_id = gen_random_uuid()",
            "adjusted_at = now()",
        ],
    )
    def test_an_adjustment_stays_what_it_was(self, desk: Desk, change: str):
        desk.gives(10, note="why")

        assert "an adjustment stays" in refused(f"UPDATE members_adjustment SET {change}")

    def test_an_undo_stays(self, desk: Desk):
        desk.undoes(desk.gives(10).id)

        said = refused(
            "UPDATE members_adjustment SET undone_by_id = NULL, undone_at = NULL, undo_entry_id = NULL"
        )
        assert "an undo stays" in said

    def test_an_undo_says_who_and_when(self, desk: Desk):
        desk.gives(10)

        assert "an_undo_says_who_and_when" in refused("UPDATE members_adjustment SET undone_at = now()")

    def test_adjustments_are_kept(self, desk: Desk):
        desk.gives(10)

        assert "adjustments_are_kept" in refused("DELETE FROM members_adjustment")
        emptied = refused(
            "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL regulars.may_be_emptied = 'no';"
            " TRUNCATE members_adjustment CASCADE"
        )
        assert "Cannot truncate" in emptied

    def test_a_note_may_be_forgotten(self, desk: Desk):
        desk.gives(10, note="Her dog was ill")

        Adjustment.objects.update(note="")

        assert is_proven()

    @pytest.mark.parametrize(("column", "value"), [("entry_id", "entry_id"), ("points", "0")])
    def test_no_entry_is_adjusted_twice_and_none_by_nothing(self, desk: Desk, column: str, value: str):
        desk.gives(10)

        said = refused(
            "INSERT INTO members_adjustment SELECT (jsonb_populate_record(a, jsonb_build_object("
            f"'id', gen_random_uuid(), '{column}', {value}))).* FROM members_adjustment a"
        )

        assert "members_adjustment_entry_id" in said or "an_adjustment_moves_points" in said

    def test_a_day_has_room_for_one_adjustment_and_counts_up(self, desk: Desk):
        desk.gives(10)

        assert "a_day_has_room" in refused("UPDATE members_adjustmentlimit SET points_per_day = 1")
        assert "counted_up" in refused("UPDATE members_adjustmentday SET points = 0")
        assert "one_adjustment_limit_per_role" in refused("UPDATE members_adjustmentlimit SET role = 'x'")

    @pytest.mark.parametrize(
        "rule",
        [
            "expiry_rule = 'days'",
            "expiry_rule = 'inactivity', expires_after = 3",
            "expires_after = 3",
            "expiry_rule = 'fixed_date'",
        ],
    )
    def test_a_reason_has_what_its_expiry_needs(self, goodwill: ReasonCode, rule: str):
        assert "a_reason_has_what_its_expiry_needs" in refused(f"UPDATE members_reasoncode SET {rule}")


def refused(sql: str, *parameters: Any) -> str:
    """What the database says to a statement; fails if it is let through."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    return str(refusal.value)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_many_windows_of_one_person_never_overshoot_the_day(self, desk: Desk, ada: Member):
        results = at_once(8, lambda number: type(desk.gives(300)))

        assert results.count(Adjusted) == 3
        assert results.count(Requested) == 5
        assert AdjustmentDay.objects.get().points == 900
        assert balance(ada) == 900
        assert is_proven()

    def test_on_many_members_neither(self, desk: Desk):
        members = [factories.MemberFactory.create(program=desk.program) for _ in range(8)]

        results = at_once(8, lambda number: type(replace(desk, member=members[number]).gives(500)))

        assert results.count(Adjusted) == 2
        assert sum(Wallet.objects.values_list("available", flat=True)) == 1_000
        assert is_proven()

    def test_one_form_sent_many_times_is_booked_once(self, desk: Desk, ada: Member):
        form = uuid4()

        results = at_once(8, lambda number: desk.gives(400, adjustment_id=form))

        assert len({result.id for result in results}) == 1
        assert {type(result) for result in results} == {Adjusted}
        assert balance(ada) == 400
        assert (AdjustmentDay.objects.get().points, Approval.objects.count()) == (400, 0)

    def test_one_form_above_the_limit_sent_many_times_asks_once(self, desk: Desk):
        form = uuid4()

        results = at_once(8, lambda number: desk.gives(600, adjustment_id=form))

        assert {type(result) for result in results} == {Requested}
        assert Approval.objects.count() == 1

    def test_of_two_who_agree_one_books(self, desk: Desk, ada: Member):
        asked = desk.gives(800)
        deciders = [replace(desk, by=person(desk.program, Role.FINANCE)) for _ in range(6)]

        results = at_once(6, lambda number: deciders[number].agrees(asked).status)

        assert sorted(results) == ["approved"] + ["not_waiting"] * 5
        assert balance(ada) == 800
        assert Adjustment.objects.count() == 1
        assert is_proven()

    def test_of_many_who_undo_one_does(self, desk: Desk, ada: Member):
        desk.gives(200)
        done = desk.gives(300)

        results = at_once(8, lambda number: desk.undoes(done.id).balance)

        assert sorted(map(str, results)) == ["200"] + ["already_undone"] * 7
        assert balance(ada) == 200
        assert is_proven()

    def test_two_who_take_the_last_points_take_them_once(self, desk: Desk, other: Desk, ada: Member):
        desk.gives(300)
        desks = [desk, other]

        results = at_once(6, lambda number: type(desks[number % 2].takes(200)))

        assert results.count(Adjusted) == 1
        assert results.count("insufficient_points") + results.count(Requested) == 5
        assert balance(ada) == 100
        assert is_proven()
