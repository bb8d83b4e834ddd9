from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event
from members import figures, households, merging, profile, transfers
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Entry, Lot, Member, MemberTier, Transfer, Wallet, WalletType
from members.references import MemberIsBlocked, MemberIsMerged, MemberReference, UnknownMember
from members.transfers import (
    NothingIsLeft,
    TransferLimitReached,
    TransferNotAllowed,
    Transferred,
    TransferToOneself,
    TransferTooSmall,
    TransferWasUndone,
)
from tests import factories
from tests.cast import CARD, Shop

BERT = MemberReference("card", "2002")


@pytest.fixture
def rich(policy, shop: Shop, ada: Member, bert: Member) -> Shop:
    """Ada has 300 points that expire in 30 days and 700 that do in 60, Bert has none."""
    policy(expiry_rule="days", expires_after=30)
    shop.program.refresh_from_db()
    shop.sells("receipt-1", "300.00")
    policy(expiry_rule="days", expires_after=60)
    shop.program.refresh_from_db()
    shop.sells("receipt-2", "700.00")
    return shop


def give(shop: Shop, points: int, **more: Any) -> Transferred:
    shop.program.refresh_from_db()
    given: dict[str, Any] = {
        "sender": CARD,
        "recipient": BERT,
        "wallet_type": "points",
        "source": "till",
        "actor": "partner:till",
        "at": shop.at,
        "program": shop.program,
        **more,
    }
    return transfers.send(points=points, **given)


def balance(member: Member) -> int:
    return Wallet.objects.get(member=member).available


def facts(lot: Lot) -> tuple[Any, ...]:
    return (lot.points, lot.expires_at, lot.earned_at, lot.activity_id, lot.campaign_version_id)


def whole(member: Member) -> list[tuple[Any, ...]]:
    """All lots of a member, with what is available in them."""
    return [(*facts(lot), lot.available) for lot in Lot.objects.filter(member=member).order_by("pk")]


class TestSend:
    def test_moves_the_points_that_expire_first_with_their_dates(self, rich: Shop, ada, bert):
        first, second = Lot.objects.filter(member=ada).order_by("expires_at")

        done = give(rich, 400)

        got = Lot.objects.filter(member=bert).order_by("expires_at")
        assert (done.points, done.fee, done.arrived, done.balance) == (400, 0, 400, 600)
        assert [facts(lot) for lot in got] == [
            (300, *facts(first)[1:]),
            (100, *facts(second)[1:]),
        ]
        assert [lot.origin_id for lot in got] == [first.pk, second.pk]
        assert {lot.source for lot in got} == {"transfer"}
        assert (balance(ada), balance(bert)) == (600, 400)
        assert list(verify.run()) == []

    def test_counts_neither_as_earned_nor_towards_a_tier_nor_as_spent(self, rich: Shop, ada, bert):
        give(rich, 1000)

        assert not MemberTier.objects.filter(member=bert, progress__gt=0).exists()
        wallet = Wallet.objects.get(member=bert)
        assert (wallet.lifetime_earned, wallet.lifetime_spent) == (0, 0)
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.lifetime_earned, wallet.lifetime_spent) == (1000, 0)
        assert MemberTier.objects.get(member=ada).progress == 1000

    def test_keeps_a_row_two_entries_and_two_events(self, rich: Shop, ada, bert):
        done = give(rich, 250)

        row = Transfer.objects.get()
        assert (row.pk, row.sender, row.recipient, row.points, row.arrived) == (done.id, ada, bert, 250, 250)
        assert (row.source, row.actor, row.sent_at) == ("till", "partner:till", rich.at)
        out, into = Entry.objects.filter(cause__startswith=f"transfer:{done.id}:").order_by("points")
        assert [(one.kind, one.points) for one in (out, into)] == [
            ("transfer_out", -250),
            ("transfer_in", 250),
        ]
        sent = Event.objects.get(type="points.transferred")
        assert sent.data["entry_id"] == str(out.pk)
        assert (sent.member_id, sent.data["recipient_id"]) == (ada.pk, str(bert.pk))
        assert Event.objects.get(type="points.received").data["sender_id"] == str(ada.pk)

    def test_keeps_the_fee_rounded_down(self, rich: Shop, policy, ada, bert):
        policy(transfer_fee_percent=Decimal("2.50"))

        done = give(rich, 399)

        assert (done.points, done.fee, done.arrived) == (399, 9, 390)
        assert (balance(ada), balance(bert)) == (601, 390)
        assert sum(Lot.objects.filter(member=ada).values_list("reversed", flat=True)) == 9
        assert list(verify.run()) == []

    def test_pays_what_the_recipient_owes(self, rich: Shop, policy, bert):
        policy(return_policy="debt")
        rich.program.refresh_from_db()
        rich.sells("receipt-b", "100.00", member=BERT)
        give(rich, 80, sender=BERT, recipient=CARD)
        rich.takes_back("return-b", "receipt-b")
        assert Wallet.objects.get(member=bert).debt == 80

        give(rich, 200)

        wallet = Wallet.objects.get(member=bert)
        assert (wallet.debt, wallet.available) == (0, 120)
        assert list(verify.run()) == []

    @pytest.mark.parametrize(
        ("given", "refusal"),
        [
            ({"recipient": CARD}, TransferToOneself),
            ({"recipient": MemberReference("card", "9999")}, UnknownMember),
            ({"wallet_type": "miles"}, InvalidInput),
            ({"points": 0}, InvalidInput),
            ({"points": -5}, InvalidInput),
            ({"points": 1001}, InsufficientPoints),
        ],
    )
    def test_refuses_what_cannot_be_and_moves_nothing(self, rich: Shop, ada, bert, given, refusal):
        with pytest.raises(refusal):
            give(rich, **{"points": 10, **given})

        assert (balance(ada), Transfer.objects.count()) == (1000, 0)
        assert not Entry.objects.filter(kind__startswith="transfer").exists()

    def test_refuses_a_member_of_another_program(self, rich: Shop):
        factories.IdentifierFactory.create(member=factories.MemberFactory.create(), value="3003")

        with pytest.raises(UnknownMember):
            give(rich, 10, recipient=MemberReference("card", "3003"))

    @pytest.mark.parametrize("who", ["ada", "bert"])
    def test_refuses_the_blocked(self, rich: Shop, ada, bert, who):
        Member.objects.filter(pk={"ada": ada, "bert": bert}[who].pk).update(status="blocked")

        with pytest.raises(MemberIsBlocked) as refusal:
            give(rich, 10)

        assert refusal.value.pointer == {"ada": "#/sender", "bert": "#/recipient"}[who]

    def test_names_the_survivor_of_a_merged_member(self, rich: Shop, ada, bert):
        carl = factories.MemberFactory.create(program=rich.program)
        merging.merge(survivor=carl, duplicate=bert, actor="staff:1", at=rich.at)

        with pytest.raises(MemberIsMerged) as refusal:
            give(rich, 10, recipient=MemberReference("id", str(bert.pk)))

        assert refusal.value.extra == {"survivor_id": str(carl.pk)}
        assert give(rich, 10).recipient_id == carl.pk


class TestPolicy:
    def test_nobody(self, rich: Shop, policy, ada, bert):
        policy(transfers_to="nobody")
        household = households.found(head=ada, actor="staff:1", at=rich.at)
        households.join(household, member=bert, actor="staff:1", at=rich.at)

        with pytest.raises(TransferNotAllowed):
            give(rich, 10)

    def test_household_only(self, rich: Shop, policy, ada, bert):
        policy(transfers_to="household", transfer_fee_percent=10, transfer_monthly_limit=5)
        with pytest.raises(TransferNotAllowed, match="within a household"):
            give(rich, 100)

        household = households.found(head=ada, actor="staff:1", at=rich.at)
        households.join(household, member=bert, actor="staff:1", at=rich.at)
        done = give(rich, 100)

        assert (done.fee, done.arrived) == (0, 100)
        assert Transfer.objects.get().household == household

    def test_minimum(self, rich: Shop, policy):
        policy(transfer_minimum=50)

        with pytest.raises(TransferTooSmall, match="At least 50"):
            give(rich, 49)
        assert give(rich, 50).arrived == 50

    def test_a_fee_that_leaves_nothing(self, rich: Shop, policy):
        policy(transfer_fee_percent=100)

        with pytest.raises(TransferTooSmall):
            give(rich, 10)

    def test_monthly_limit_of_a_calendar_month_in_the_programs_zone(self, rich: Shop, policy):
        policy(transfer_monthly_limit=100)
        give(rich, 70)

        with pytest.raises(TransferLimitReached, match="30 are left") as refusal:
            give(rich, 31)

        assert refusal.value.extra == {"left": 30}
        give(rich, 30)
        # In Berlin it is July from 22:00 UTC on.
        before, after = rich.later(days=29, hours=9, minutes=59), rich.later(days=29, hours=10)
        with pytest.raises(TransferLimitReached, match="0 are left"):
            give(before, 1)
        assert give(after, 100).arrived == 100

    def test_an_undone_transfer_gives_its_limit_back(self, rich: Shop, policy):
        policy(transfer_monthly_limit=100)
        give(rich, 100)

        transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.at)

        assert give(rich, 100).arrived == 100


class TestInactivity:
    def test_the_points_go_by_the_new_owners_activity(self, rich: Shop, policy, ada, bert):
        Wallet.objects.filter(member=ada).update(lapses_at=rich.at + timedelta(days=90))

        give(rich, 10)

        assert Wallet.objects.get(member=bert).lapses_at == rich.at + timedelta(days=90)

    def test_new_points_bring_no_lapsed_ones_back(self, rich: Shop, policy, ada, bert):
        policy(expiry_rule="never", expires_after=None)
        rich.program.refresh_from_db()
        rich.sells("r-b", "70.00", member=BERT)
        # As the rule says it that ties points to a member's activity.
        Lot.objects.filter(member=bert).update(lapses=True)
        Wallet.objects.filter(member=bert).update(lapses_at=rich.at)
        Wallet.objects.filter(member=ada).update(lapses_at=rich.at + timedelta(days=90))

        give(rich, 10)

        wallet = Wallet.objects.get(member=bert)
        assert (wallet.available, wallet.lapses_at) == (10, rich.at + timedelta(days=90))
        assert Entry.objects.get(member=bert, kind="expire").points == -70


class TestUndo:
    def test_gives_back_what_is_left_into_its_old_lots(self, rich: Shop, policy, ada, bert):
        before = whole(ada)
        give(rich, 400)

        undone = transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.at)

        assert (undone.returned, undone.fee, undone.kept) == (400, 0, 0)
        assert before == [
            facts(lot) + (lot.available,) for lot in Lot.objects.filter(member=ada).order_by("pk")
        ]
        assert (balance(ada), balance(bert)) == (1000, 0)
        row = Transfer.objects.get()
        assert (row.undone_at, row.undone_by, row.returned) == (rich.at, "staff:1", 400)
        assert list(verify.run()) == []

    def test_says_what_was_spent_and_returns_that_part_of_the_fee(self, rich: Shop, policy, ada, bert):
        policy(transfer_fee_percent=10)
        factories.RewardFactory.create(
            program=rich.program, wallet_type=WalletType.objects.get(), key="coffee", price=100
        )
        give(rich, 400)
        rich.redeems("coffee", BERT)

        undone = transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.at)

        assert (undone.returned, undone.fee, undone.kept) == (260, 28, 100)
        assert (balance(ada), balance(bert)) == (600 + 260 + 28, 0)
        assert list(verify.run()) == []

    def test_lets_expire_what_has_expired_meanwhile(self, rich: Shop, ada, bert):
        give(rich, 400)
        later = rich.later(days=45)

        transfers.undo(Transfer.objects.get(), actor="staff:1", at=later.at)

        assert balance(ada) == 700
        assert Entry.objects.filter(member=ada, kind="expire").get().points == -300
        assert list(verify.run()) == []

    def test_leaves_the_recipients_own_points_alone(self, rich: Shop, ada, bert):
        give(rich, 100)
        rich.sells("receipt-b", "50.00", member=BERT)

        transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.at)

        assert (balance(ada), balance(bert)) == (1000, 50)

    def test_happens_once(self, rich: Shop):
        give(rich, 100)
        transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.at)

        with pytest.raises(TransferWasUndone):
            transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.at)

    def test_refuses_when_nothing_is_left(self, rich: Shop, ada, bert):
        give(rich, 100)
        give(rich, 100, sender=BERT, recipient=CARD)
        sent = Transfer.objects.get(sender=ada)

        with pytest.raises(NothingIsLeft):
            transfers.undo(sent, actor="staff:1", at=rich.at)

        assert Transfer.objects.get(pk=sent.pk).undone_at is None

    def test_refuses_when_the_sender_was_merged(self, rich: Shop, ada):
        give(rich, 100)
        carl = factories.MemberFactory.create(program=rich.program)
        merging.merge(survivor=carl, duplicate=ada, actor="staff:1", at=rich.at)

        with pytest.raises(MemberIsMerged):
            transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.at)


class TestFigures:
    def test_of_a_member_add_up(self, rich: Shop, policy, ada, bert):
        policy(transfer_fee_percent=10)
        give(rich, 400)
        give(rich, 100, sender=BERT, recipient=CARD)
        transfers.undo(Transfer.objects.get(sender=ada), actor="staff:1", at=rich.at)

        for member in (ada, bert):
            (holding,) = profile.holdings(member)
            wallet = holding.wallet
            assert (
                wallet.lifetime_earned
                + holding.received
                - holding.passed_on
                - wallet.lifetime_spent
                - holding.expired
                - holding.taken_back
            ) == wallet.available
        (holding,) = profile.holdings(ada)
        assert (holding.received, holding.passed_on) == (90, 360 - 260)

    def test_of_the_program_count_fees_as_taken_back_and_nothing_as_issued(self, rich: Shop, policy):
        policy(transfer_fee_percent=10)
        give(rich, 400)

        (day,) = figures.movements(rich.program, since=rich.at - timedelta(days=1), step="day")

        assert (day.issued, day.spent, day.taken_back) == (1000, 0, 40)


class TestConstraints:
    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ("points = points + 1", "what_was_sent_stays"),
            ("recipient_id = sender_id", "what_was_sent_stays"),
            (
                "undone_at = now(), undone_by = 'staff:1', returned = 101",
                "no_more_comes_back_than_was_sent",
            ),
            ("undone_at = now()", "an_undone_transfer_says_when_and_by_whom"),
            ("undone_by = 'staff:1'", "an_undone_transfer_says_when_and_by_whom"),
        ],
    )
    def test_of_a_transfer(self, rich: Shop, change: str, name: str):
        give(rich, 100)

        with pytest.raises(DatabaseError, match=name), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE members_transfer SET {change}")

    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"arrived": 90}, "what_is_sent_is_the_fee_and_what_arrives"),
            ({"arrived": 0, "fee": 100}, "what_is_sent_is_the_fee_and_what_arrives"),
            ({"arrived": 101, "fee": -1}, "violates check constraint"),
            ({"recipient": "sender"}, "a_transfer_is_between_two_members"),
        ],
    )
    def test_of_a_new_transfer(self, rich: Shop, values: dict[str, Any], name: str):
        give(rich, 100)
        row = Transfer.objects.get()
        row.pk = factories.MemberFactory.build().pk
        for field, value in values.items():
            setattr(row, field, row.sender if value == "sender" else value)

        with pytest.raises(DatabaseError, match=name), transaction.atomic():
            row.save(force_insert=True)

    def test_an_undo_stays_and_nothing_is_deleted(self, rich: Shop):
        give(rich, 100)
        transfers.undo(Transfer.objects.get(), actor="staff:1", at=rich.at)

        for sql in ("UPDATE members_transfer SET undone_by = 'staff:2'", "DELETE FROM members_transfer"):
            with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
                connection.cursor().execute(sql)
