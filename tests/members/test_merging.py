from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from loyalty.core import events
from loyalty.core.db import Batch, Moved
from loyalty.core.models import Approval, Event
from members import comparing, holds, households, merging, transfers, unmerging
from members.ledger import operations, store, verify
from members.ledger.chain import Cause
from members.ledger.plan import Plan
from members.ledger.telling import told
from members.merging import CannotMerge, CannotUnmerge
from members.models import (
    Entry,
    Hold,
    HouseholdMember,
    Identifier,
    Lot,
    Member,
    MemberTier,
    Merge,
    Wallet,
)
from members.references import MemberIsMerged, MemberReference
from tests import factories
from tests.cast import CARD, Shop
from tests.clients import PartnerClient

BERT = MemberReference("card", "2002")
STAFF: dict[str, Any] = {"actor": "staff:1"}


@pytest.fixture
def twice(policy, shop: Shop, ada: Member, bert: Member) -> Shop:
    """Ada has earned 700 points for 30 days; Bert, who is Ada too, 400 for 60 days and 200 for 90."""
    for receipt, amount, days, owner in (
        ("r-1", "700.00", 30, "1001"),
        ("r-2", "400.00", 60, "2002"),
        ("r-3", "200.00", 90, "2002"),
    ):
        policy(expiry_rule="days", expires_after=days)
        shop.program.refresh_from_db()
        shop.sells(receipt, amount, member=MemberReference("card", owner))
    return shop


def merge(shop: Shop, survivor: Member, duplicate: Member) -> Merge:
    return merging.merge(survivor=survivor, duplicate=duplicate, at=shop.at, **STAFF)


def undo(shop: Shop) -> Merge:
    return unmerging.undo(Merge.objects.get(undone_at=None), at=shop.at, **STAFF)


def balance(member: Member) -> int:
    return Wallet.objects.get(member=member).available


def lots(member: Member) -> list[tuple[Any, ...]]:
    """What a member has: points, by all that points bring along."""
    return sorted(
        Lot.objects.filter(member=member)
        .open()
        .values_list("available", "pending", "expires_at", "unlocks_at", "earned_at", "activity_id")
    )


def standings() -> list[tuple[Any, ...]]:
    return list(MemberTier.objects.order_by("member").values_list("member", "tier", "progress", "since"))


def change(member: Member, operation: Any, **arguments: Any) -> None:
    """One operation on the member's wallet, as a journey would do it."""
    at = arguments.pop("at")
    (account,) = merging.loaded(member.program, [member.pk])
    (wallet,) = account.wallets
    cause = Cause(key=f"test:{Entry.objects.count()}", actor="test", effective_at=at, recorded_at=at)
    done = operation(wallet, cause=cause, **arguments)
    done = getattr(done, "change", done)
    plan = Plan([account])
    plan.apply(done)
    batch = Batch()
    store.add_to(batch, plan, program_id=member.program_id)
    events.add_to(batch, [told(done, wallet_type="points")])
    batch.write()


class TestMerge:
    def test_moves_points_lot_by_lot_with_their_dates(self, twice, ada, bert):
        had = sorted(lots(ada) + lots(bert))

        merge(twice, ada, bert)

        assert lots(ada) == had
        assert lots(bert) == []
        assert set(Lot.objects.filter(member=ada, source="merge").values_list("origin_id", flat=True)) == set(
            Lot.objects.filter(member=bert).values_list("pk", flat=True)
        )
        assert (balance(ada), balance(bert)) == (1300, 0)
        assert list(verify.run()) == []

    def test_moves_pending_points_as_pending(self, twice, policy, ada, bert):
        waits = operations.Grant(
            points=50, unlocks_at=twice.at + timedelta(days=7), expires_at=twice.at + timedelta(days=70)
        )
        change(bert, operations.grant, grants=[waits], at=twice.at)

        merge(twice, ada, bert)

        wallet = Wallet.objects.get(member=ada)
        assert (wallet.available, wallet.pending) == (1300, 50)
        lot = Lot.objects.get(member=ada, pending=50)
        assert (lot.unlocks_at, lot.expires_at) == (waits.unlocks_at, waits.expires_at)
        undo(twice)
        assert Wallet.objects.get(member=bert).pending == 50
        assert list(verify.run()) == []

    def test_adds_progress_and_upgrades_at_once(self, twice, ada, bert):
        assert MemberTier.objects.get(member=ada).tier.key == "basic"

        merge(twice, ada, bert)

        standing = MemberTier.objects.get(member=ada)
        assert (standing.progress, standing.tier.key, standing.since) == (1300, "silver", twice.at)
        assert not MemberTier.objects.filter(member=bert).exists()
        told = Event.objects.get(type="tier.upgraded")
        assert (told.member_id, told.data["tier"], told.data["progress"]) == (ada.pk, "silver", 1300)

    def test_lets_cards_lead_to_the_survivor(self, twice, ada, bert):
        merge(twice, ada, bert)

        sold = twice.sells("r-9", "10.00", member=BERT)

        assert sold.member_id == ada.pk
        assert set(Identifier.objects.filter(member=ada).values_list("value", flat=True)) == {"1001", "2002"}

    def test_refuses_the_duplicates_id_and_names_the_survivor(self, twice, ada, bert):
        merge(twice, ada, bert)

        with pytest.raises(MemberIsMerged, match=str(ada.pk)) as refusal:
            twice.sells("r-9", "10.00", member=MemberReference("id", str(bert.pk)))

        assert refusal.value.extra == {"survivor_id": str(ada.pk)}

    def test_tells_of_each_entry_and_of_the_merge(self, twice, ada, bert):
        done = merge(twice, ada, bert)

        entries = Entry.objects.filter(cause__startswith=f"merge:{done.pk}:").order_by("points")
        assert [(entry.member_id, entry.points, entry.kind) for entry in entries] == [
            (bert.pk, -600, "merge"),
            (ada.pk, 600, "merge"),
        ]
        assert Event.objects.filter(type="points.merged").count() == 2
        told = Event.objects.get(type="member.merged")
        assert (told.member_id, told.data["survivor_id"]) == (bert.pk, str(ada.pk))

    def test_keeps_what_was_earned_and_spent_where_it_was(self, twice, ada, bert):
        merge(twice, ada, bert)

        assert Wallet.objects.get(member=ada).lifetime_earned == 700
        assert Wallet.objects.get(member=bert).lifetime_earned == 600

    def test_takes_over_a_debt_and_pays_it(self, twice, policy, ada, bert):
        _owe(twice, bert, 50)

        merge(twice, ada, bert)

        assert Wallet.objects.get(member=bert).debt == 0
        assert (balance(ada), Wallet.objects.get(member=ada).debt) == (650, 0)
        assert list(verify.run()) == []

    def test_pays_the_survivors_debt(self, twice, ada, bert):
        _owe(twice, ada, 50)

        merge(twice, ada, bert)

        assert (balance(ada), Wallet.objects.get(member=ada).debt) == (550, 0)
        assert list(verify.run()) == []

    def test_lets_a_third_record_lead_to_the_last_survivor(self, twice, ada, bert, carl):
        merge(twice, bert, carl)
        merge(twice, ada, bert)

        with pytest.raises(MemberIsMerged, match=str(ada.pk)):
            twice.sells("r-9", "10.00", member=MemberReference("id", str(carl.pk)))
        assert twice.sells("r-9", "10.00", member=MemberReference("card", "3003")).member_id == ada.pk

    def test_hands_the_place_in_a_household_over(self, twice, ada, bert, carl):
        family = households.found(head=bert, at=twice.at, **STAFF)
        households.join(family, member=carl, at=twice.at, **STAFF)

        merge(twice, ada, bert)

        assert HouseholdMember.objects.get(member=ada).is_head
        assert HouseholdMember.objects.count() == 2

    def test_leaves_the_survivor_in_their_own_household(self, twice, ada, bert, carl):
        own = households.found(head=ada, at=twice.at, **STAFF)
        family = households.found(head=bert, at=twice.at, **STAFF)
        households.join(family, member=carl, at=twice.at, **STAFF)

        merge(twice, ada, bert)

        assert HouseholdMember.objects.get(member=ada).household == own
        assert HouseholdMember.objects.get(household=family).member == carl
        assert HouseholdMember.objects.get(household=family).is_head

    def test_in_one_household_the_head_stays_head(self, twice, ada, bert, carl):
        family = households.found(head=bert, at=twice.at, **STAFF)
        for member in (carl, ada):
            households.join(family, member=member, at=twice.at, **STAFF)

        merge(twice, ada, bert)

        assert HouseholdMember.objects.get(is_head=True).member == ada
        assert HouseholdMember.objects.count() == 2


def _owe(shop: Shop, member: Member, points: int) -> None:
    """Take all from a member, and leave them owing so many."""
    available = balance(member)
    change(member, operations.adjust_down, points=available, at=shop.at)
    change(member, operations.reverse, shares={}, elsewhere=points, policy="debt", at=shop.at)


class TestRefusals:
    @pytest.mark.parametrize("who", ["survivor", "duplicate"])
    @pytest.mark.parametrize("status", ["blocked", "erased"])
    def test_of_the_blocked_and_the_erased(self, twice, ada, bert, who, status):
        Member.objects.filter(pk={"survivor": ada, "duplicate": bert}[who].pk).update(status=status)

        with pytest.raises(CannotMerge, match=status):
            merge(twice, ada, bert)

        assert not Merge.objects.exists()

    def test_of_oneself_and_of_another_programs_member(self, twice, ada):
        for other in (ada, factories.MemberFactory.create()):
            with pytest.raises(CannotMerge):
                merge(twice, ada, other)

    def test_of_who_was_merged_already(self, twice, ada, bert, carl):
        merge(twice, ada, bert)

        for survivor, duplicate in ((carl, bert), (bert, carl), (bert, ada)):
            with pytest.raises(CannotMerge, match="already"):
                merge(twice, survivor, duplicate)
        assert Merge.objects.count() == 1

    def test_while_points_are_held(self, twice, ada, bert):
        change(bert, operations.hold, points=100, at=twice.at)

        with pytest.raises(CannotMerge, match="100 points of the duplicate are held") as refusal:
            merge(twice, ada, bert)

        assert len(refusal.value.extra["obstacles"]) == 1
        assert Member.objects.get(pk=bert.pk).status == "active"

    def test_while_a_request_about_the_duplicate_waits(self, twice, ada, bert):
        asked = Approval.objects.create(
            program=twice.program,
            kind="adjustment",
            subject_id=bert.pk,
            summary="900 points",
            payload={},
            actor="staff:2",
            requested_at=twice.at,
            expires_at=twice.at + timedelta(days=7),
        )

        with pytest.raises(CannotMerge, match="1 request about the duplicate waits"):
            merge(twice, ada, bert)

        later = twice.later(days=8)
        assert merge(later, ada, bert).duplicate == bert
        assert Approval.objects.get() == asked


class TestWhatWasReadBefore:
    """A till reads a member, the merge is committed, and then the till writes what it decided."""

    @pytest.fixture
    def spent(self, shop: Shop, ada: Member, bert: Member) -> Shop:
        """No points move when Bert is merged: he has spent all that he had."""
        shop.sells("r-1", "10.00")
        shop.sells("r-2", "400.00", member=BERT)
        shop.holds(400, member=BERT)
        hold = Hold.objects.get()
        holds.settle(hold.pk, program=shop.program, source="till", actor="partner:till", at=shop.at)
        return shop

    @pytest.mark.parametrize("who", ["ada", "bert"])
    def test_is_decided_again_after_a_merge(self, spent, ada, bert, who):
        plan = decided(spent, {"ada": ada, "bert": bert}[who])

        merge(spent, ada, bert)

        with pytest.raises(Moved):
            store.write(plan, program_id=spent.program.pk)
        assert not Entry.objects.filter(cause="test:late").exists()

    def test_is_decided_again_after_an_undo(self, spent, ada, bert):
        merge(spent, ada, bert)
        plan = decided(spent, ada)

        undo(spent)

        with pytest.raises(Moved):
            store.write(plan, program_id=spent.program.pk)


def decided(shop: Shop, member: Member) -> Plan:
    """Points for a member as they are now, not written yet."""
    (account,) = merging.loaded(shop.program, [member.pk])
    cause = Cause(key="test:late", actor="test", effective_at=shop.at, recorded_at=shop.at)
    plan = Plan([account])
    plan.apply(operations.grant(account.wallets[0], grants=[operations.Grant(points=7)], cause=cause))
    return plan


class TestUndo:
    def test_brings_all_back_as_it_was(self, twice, ada, bert):
        before = [lots(ada), lots(bert)]
        places = list(
            MemberTier.objects.order_by("member").values_list("member", "tier", "progress", "since")
        )
        merge(twice, ada, bert)

        undone = undo(twice)

        assert undone.left_behind == []
        assert [lots(ada), lots(bert)] == before
        assert standings() == places
        bert.refresh_from_db()
        assert (bert.status, bert.merged_into) == ("active", None)
        assert Identifier.objects.get(member=bert).value == "2002"
        assert twice.sells("r-9", "10.00", member=BERT).member_id == bert.pk
        assert Event.objects.filter(type__in=["member.unmerged", "tier.downgraded"]).count() == 2
        assert list(verify.run()) == []

    def test_says_what_was_spent(self, twice, points, ada, bert):
        factories.RewardFactory.create(program=twice.program, wallet_type=points, key="coffee", price=900)
        merge(twice, ada, bert)
        twice.redeems("coffee")

        undone = undo(twice)

        # Ada's own 700 expire first: 200 of the 600 that moved are spent.
        assert undone.left_behind == ["200 of 600 Points were spent, expired or passed on meanwhile."]
        assert (balance(ada), balance(bert)) == (0, 400)
        assert list(verify.run()) == []

    def test_leaves_identifiers_that_are_gone(self, twice, ada, bert):
        merge(twice, ada, bert)
        Identifier.objects.filter(value="2002").delete()

        assert undo(twice).left_behind == ["1 identifier is no longer the survivor’s."]

    def test_gives_an_open_debt_back_and_says_what_was_paid(self, twice, ada, bert):
        _owe(twice, bert, 1000)
        merge(twice, ada, bert)
        assert Wallet.objects.get(member=ada).debt == 300

        undone = undo(twice)

        assert undone.left_behind == ["A debt of 700 Points was paid by Ada Lovelace and stays paid."]
        assert Wallet.objects.get(member=ada).debt == 0
        assert Wallet.objects.get(member=bert).debt == 300
        assert list(verify.run()) == []

    def test_lets_expire_what_has_expired_meanwhile(self, twice, ada, bert):
        merge(twice, ada, bert)

        undo(twice.later(days=70))

        assert balance(bert) == 200
        assert list(verify.run()) == []

    def test_keeps_a_rung_that_is_reached_without_the_duplicate_by_now(self, twice, ada, bert):
        merge(twice, ada, bert)
        twice.sells("r-9", "400.00")

        undo(twice)

        standing = MemberTier.objects.get(member=ada)
        assert (standing.progress, standing.tier.key) == (1100, "silver")

    def test_happens_once(self, twice, ada, bert):
        done = merge(twice, ada, bert)
        undo(twice)

        with pytest.raises(CannotUnmerge, match="already"):
            unmerging.undo(done, at=twice.at, **STAFF)
        assert merge(twice, ada, bert).pk != done.pk

    def test_of_a_chain_begins_at_its_end(self, twice, ada, bert, carl):
        first = merge(twice, bert, carl)
        second = merge(twice, ada, bert)

        with pytest.raises(CannotUnmerge, match="undo that first"):
            unmerging.undo(first, at=twice.at, **STAFF)

        unmerging.undo(second, at=twice.at, **STAFF)
        assert Member.objects.get(pk=carl.pk).merged_into == bert
        unmerging.undo(first, at=twice.at, **STAFF)
        assert Member.objects.get(pk=carl.pk).status == "active"
        assert list(verify.run()) == []

    def test_says_that_the_household_is_not_restored(self, twice, ada, bert):
        households.found(head=bert, at=twice.at, **STAFF)
        merge(twice, ada, bert)

        assert undo(twice).left_behind == ["Bert Brecht is in no household again until somebody adds them."]


class TestPreview:
    def test_is_what_then_happens(self, twice, ada, bert):
        preview = comparing.preview(survivor=ada, duplicate=bert, at=twice.at)

        assert not Entry.objects.filter(kind="merge").exists()
        merge(twice, ada, bert)
        (holding,) = preview.holdings
        (ladder,) = preview.ladders
        standing = MemberTier.objects.get(member=ada)
        assert (holding.survivor, holding.duplicate, holding.after) == (700, 600, balance(ada))
        assert [batch.points for batch in holding.batches] == [400, 200]
        assert (ladder.after.key, ladder.after_progress) == (standing.tier.key, standing.progress)
        assert [one.value for one in preview.identifiers] == ["2002"]
        assert preview.obstacles == ()

    def test_says_what_stands_in_the_way(self, twice, ada, bert):
        change(bert, operations.hold, points=100, at=twice.at)

        preview = comparing.preview(survivor=ada, duplicate=bert, at=twice.at)

        assert len(preview.obstacles) == 1

    def test_finds_who_looks_alike(self, program, ada):
        ada.birth_date = "1990-12-10"
        ada.save()
        twin = factories.MemberFactory.create(program=program, last_name="LOVELACE", birth_date="1990-12-10")
        factories.MemberFactory.create(program=program, last_name="Lovelace", birth_date="1990-12-11")
        factories.MemberFactory.create(last_name="Lovelace", birth_date="1990-12-10")

        assert list(comparing.look_alikes(ada)) == [twin]


class TestThroughTheApi:
    def test_reads_lead_on(self, twice, ada, bert, program):
        till = PartnerClient.of(
            factories.PartnerFactory.create(program=program, key="till"), scopes=["members:read"]
        )
        merge(twice, ada, bert)

        status = till.get(f"/v1/members/{bert.pk}/status").json()
        assert (status["status"], status["merged_into_id"]) == ("merged", str(ada.pk))
        assert status["wallets"][0]["available"] == 0
        assert status["rewards"] == []
        assert till.get("/v1/members/card:2002/status").json()["id"] == str(ada.pk)
        member = till.get(f"/v1/members/{bert.pk}").json()
        assert (member["status"], member["merged_into_id"], member["identifiers"]) == (
            "merged",
            str(ada.pk),
            [],
        )


class TestReturns:
    """What the duplicate bought comes back from whoever has the points."""

    def test_are_taken_from_the_survivor(self, twice, ada, bert):
        merge(twice, ada, bert)

        returned = twice.takes_back("b-1", "r-2")

        assert (returned.member_id, returned.points) == (ada.pk, -400)
        assert balance(ada) == 900
        assert MemberTier.objects.get(member=ada).progress == 900
        assert list(verify.run()) == []

    def test_are_taken_from_the_last_of_several(self, twice, ada, bert, carl):
        merge(twice, carl, bert)
        merge(twice, ada, carl)

        returned = twice.takes_back("b-1", "r-2", "100.00")

        assert (returned.member_id, returned.points) == (ada.pk, -100)
        assert balance(ada) == 1200
        undo_all(twice)
        assert (balance(ada), balance(bert)) == (700, 500)
        assert list(verify.run()) == []

    def test_are_taken_from_the_duplicate_again_after_an_undo(self, twice, ada, bert):
        merge(twice, ada, bert)
        undo(twice)

        returned = twice.takes_back("b-1", "r-2")

        assert (returned.member_id, returned.points) == (bert.pk, -400)
        assert (balance(ada), balance(bert)) == (700, 200)
        assert list(verify.run()) == []


def undo_all(shop: Shop) -> None:
    for merge in Merge.objects.filter(undone_at=None).order_by("-pk"):
        unmerging.undo(merge, at=shop.at, **STAFF)


class TestConstraints:
    def test_what_was_merged_stays(self, twice, ada, bert):
        merge(twice, ada, bert)

        for sql, name in (
            ("UPDATE members_merge SET survivor_id = duplicate_id", "what_was_merged_stays"),
            ("UPDATE members_merge SET moved = '{}'", "what_was_merged_stays"),
            ("UPDATE members_merge SET undone_at = now()", "an_undone_merge_says_when_and_by_whom"),
            ("DELETE FROM members_merge", "append_only"),
        ):
            with pytest.raises(DatabaseError, match=name), transaction.atomic():
                connection.cursor().execute(sql)

    def test_a_duplicate_is_merged_once(self, twice, ada, bert, carl):
        row = merge(twice, ada, bert)
        again = {"program": row.program, "moved": {}, "actor": "x", "merged_at": twice.at}

        with pytest.raises(IntegrityError, match="a_duplicate_is_merged_once"), transaction.atomic():
            Merge.objects.create(survivor=carl, duplicate=bert, duplicate_status="active", **again)
        with pytest.raises(IntegrityError, match="nobody_is_merged_with_oneself"), transaction.atomic():
            Merge.objects.create(survivor=carl, duplicate=carl, duplicate_status="active", **again)

    def test_an_undone_merge_stays_undone(self, twice, ada, bert):
        merge(twice, ada, bert)
        undo(twice)

        with pytest.raises(DatabaseError, match="undone_once"), transaction.atomic():
            Merge.objects.update(undone_at=None, undone_by="")


class TestTransfersBesideMerges:
    def test_what_was_passed_on_before_moves_too(self, twice, policy, ada, bert, carl):
        transfers.send(
            sender=CARD,
            recipient=BERT,
            wallet_type="points",
            points=100,
            program=twice.program,
            source="till",
            actor="partner:till",
            at=twice.at,
        )

        merge(twice, carl, bert)
        undo(twice)

        assert (balance(ada), balance(bert)) == (600, 700)
        assert list(verify.run()) == []
