"""People are forgotten, and the books stay."""

import json
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from loyalty.core import audit
from loyalty.core.models import Event, Program, User
from members import (
    adjustments,
    blocking,
    consents,
    details,
    dossier,
    enrolment,
    households,
    identifying,
    merging,
    privacy,
    segments,
    unmerging,
)
from members.adjustments import NotAdjustable
from members.ledger import verify
from members.merging import CannotMerge, CannotUnmerge
from members.models import (
    Adjustment,
    Block,
    Consent,
    ConsentEvidence,
    Entry,
    Hold,
    Household,
    Identifier,
    Lot,
    Member,
    Merge,
    Segment,
    Wallet,
)
from members.references import MemberIsErased, MemberIsMerged, MemberReference, UnknownMember
from rewards.books import proving
from rewards.models import Activity, Checkout, UnclaimedSale, Undoing
from rewards.telling import explaining, remembered
from tests import factories
from tests.cast import CARD, Shop
from tests.clients import PartnerClient

PARTNER: dict[str, Any] = {"actor": "partner:till"}
SECRETS = ("Quillfeather", "quillfeather", "Zenobia", "1987-03-21", "9911223344", "halal", "Bahnhofsallee")
HER_CARD = MemberReference("card", "9911223344")
WHOLE_NAME = "Zenobia Quillfeather"


def tables_with(*texts: str) -> set[str]:
    """All tables of the database in which one of these texts is, wherever in a row."""
    condition = " OR ".join("strpos(to_jsonb(told)::text, %s) > 0" for _text in texts)
    found = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'SELECT EXISTS (SELECT FROM "{name}" AS told WHERE {condition})', texts)
            if cursor.fetchone()[0]:
                found.add(name)
    return found


def noted(by: User, about: Member, text: str) -> None:
    LogEntry.objects.create(
        user=by,
        content_type=ContentType.objects.get_for_model(Member),
        object_id=str(about.pk),
        object_repr=str(about),
        action_flag=CHANGE,
        change_message=text,
    )


@pytest.fixture
def zenobia(
    shop: Shop, program: Program, till: PartnerClient, ada: Member, sam: User, goodwill: Any, limits: None
) -> Member:
    """Somebody of whom everything is known that can be, in all the places that there are."""
    body = {
        "identifiers": [{"kind": "card", "value": "9911223344"}],
        "first_name": "Zenobia",
        "last_name": "Quillfeather",
        "birth_date": "1987-03-21",
        "attributes": {"diet": "halal"},
    }
    registered = till.post("/v1/members", body, idempotency_key="register")
    member: Member = Member.objects.get(pk=registered.json()["id"])
    email = "zq@quillfeather.example"
    till.post(f"/v1/members/{member.pk}/identifiers", {"kind": "email", "value": email})
    till.post(f"/v1/members/email:{email}/unblock", {})  # refused, and kept
    till.post(f"/v1/members/{member.pk}/block", {"reason": "fraud", "note": "Zenobia was seen"})
    till.post(f"/v1/members/{member.pk}/unblock", {"note": "It was not Zenobia"})
    shop.sells("z-1", "100.00", member=HER_CARD, attributes={"deliver_to": "Bahnhofsallee 1"})
    shop.holds(40, member=HER_CARD)
    known: dict[str, Any] = {"at": shop.at, **PARTNER}
    order: dict[str, Any] = {"program": program, "wallet_type": "points", "by": sam, **known}
    adjustments.adjust(member_id=member.pk, points=50, reason="goodwill", note="For Zenobia", **order)
    adjustments.adjust(member_id=member.pk, points=600, reason="goodwill", note="Much for Zenobia", **order)
    consents.record(
        member, purpose="newsletter", is_granted=True, evidence={"form": "zq@quillfeather.example"}, **known
    )
    households.found(head=member, name="The Quillfeathers", **known)
    friends = Segment.objects.create(program=program, key="friends", name="Friends", kind="list")
    segments.add(friends, member_ids=[member.pk], at=shop.at)
    other: Member = factories.MemberFactory.create(
        program=program, first_name="Zenobia", last_name="Quillfeather", birth_date="1987-03-21"
    )
    factories.IdentifierFactory.create(member=other, value="zq-old")
    merging.merge(survivor=member, duplicate=other, **known)
    said = {"basket": {"lines": [], "store": "", "attributes": {"to": "Bahnhofsallee 1"}}, "quote": {}}
    Checkout.objects.create(
        program=program,
        member=member,
        source="till",
        status="abandoned",
        total=1,
        opened_at=shop.at,
        expires_at=shop.later(minutes=5).at,
        closed_at=shop.at,
        **said,
    )
    noted(sam, member, '[{"changed": {"name": "identifier", "object": "\\"zq@quillfeather.example"}}]')
    noted(sam, ada, f"200 points passed on to {WHOLE_NAME}.")
    return member


@pytest.fixture
def erased(zenobia: Member, shop: Shop) -> Member:
    return privacy.erase(zenobia, at=shop.at, **PARTNER)


class TestErase:
    def test_leaves_nothing_personal_in_any_table(self, zenobia, shop):
        before = tables_with(*SECRETS)

        privacy.erase(zenobia, at=shop.at, **PARTNER)

        assert before == {
            "members_member",
            "members_identifier",
            "members_block",
            "members_adjustment",
            "members_consentevidence",
            "members_household",
            "core_approval",
            "core_idempotencyrecord",
            "django_admin_log",
            "rewards_activity",
            "rewards_checkout",
        }
        assert tables_with(*SECRETS) == set()

    def test_leaves_what_others_are_known_by(self, ada, zenobia, shop):
        privacy.erase(zenobia, at=shop.at, **PARTNER)

        ada.refresh_from_db()
        assert (ada.first_name, ada.status) == ("Ada", "active")
        assert [one.value for one in Identifier.objects.all()] == ["1001"]
        assert "200 points passed on to" in LogEntry.objects.get(object_id=str(ada.pk)).change_message

    def test_keeps_the_books_as_they_were_and_in_order(self, zenobia, program, shop):
        before = {entry.pk: bytes(entry.hash) for entry in Entry.objects.all()}

        privacy.erase(zenobia, at=shop.at, **PARTNER)

        after = {entry.pk: bytes(entry.hash) for entry in Entry.objects.all()}
        assert before.items() <= after.items()
        assert list(verify.run()) == []
        assert [fault for fault in proving.evaluated_again(program, number=50, seed=1) if fault] == []

    def test_lets_the_points_that_are_left_expire(self, erased):
        wallet = Wallet.objects.get(member=erased)

        assert (wallet.available, wallet.pending, wallet.held) == (0, 0, 0)
        assert sum(lot.expired for lot in Lot.objects.filter(member=erased)) == 150
        assert Hold.objects.get().status == "released"
        last = Entry.objects.filter(wallet=wallet).order_by("-number")[0]
        assert (last.kind, last.points, last.reason) == ("expire", -150, "member erased")

    def test_takes_pending_points_away(self, shop, ada, policy):
        policy(pending_days=14)
        shop.program.refresh_from_db()
        shop.sells("r-1", "80.00")

        privacy.erase(ada, at=shop.at, **PARTNER)

        assert [(e.kind, e.points) for e in Entry.objects.order_by("number")] == [
            ("earn", 80),
            ("reverse", -80),
        ]
        assert list(verify.run()) == []

    def test_tells_others_to_forget_all_records(self, erased):
        (event,) = Event.objects.filter(type="member.erased")
        records = {erased.pk, Merge.objects.get().duplicate_id}

        assert event.member_id == erased.pk
        assert event.data == {"record_ids": [str(one) for one in sorted(records)], "actor": "partner:till"}
        assert Event.objects.filter(member_id=erased.pk).order_by("-number")[0] == event

    def test_takes_the_member_out_of_household_and_segments(self, erased):
        assert Household.objects.get().dissolved_at is not None
        assert Segment.objects.get().member_count == 0
        assert Event.objects.filter(type="segment.left", member_id=erased.pk).exists()

    def test_keeps_that_something_was_agreed_to_without_its_proof(self, erased):
        assert Consent.objects.get().purpose == "newsletter"
        assert not ConsentEvidence.objects.exists()

    def test_empties_what_partners_wrote_to_an_undone_sale(self, zenobia, program, shop):
        shop.sells("z-2", "1.00", member=HER_CARD)
        first, second = Activity.objects.filter(member=zenobia).order_by("pk")
        known = {"program": program, "actor": "partner:till", "undone_at": shop.at}
        Undoing.objects.create(sale=first, undo=second, reason="Zenobia asked", **known)

        privacy.erase(zenobia, at=shop.at, **PARTNER)

        assert Undoing.objects.get().reason == ""
        with pytest.raises(DatabaseError), transaction.atomic():
            Undoing.objects.update(reason="again")

    def test_empties_what_was_reported_before_the_receipt_was_claimed(self, zenobia, till, shop):
        receipt = {
            "external_id": "z-2",
            "amount": {"amount": "1.00", "currency": "EUR"},
        }
        said = {"deliver_to": "Bahnhofsallee 1"}
        when = timezone.now().isoformat()
        till.post("/v1/transactions", receipt | {"kind": "sale", "occurred_at": when, "attributes": said})
        till.post("/v1/transactions/claim", receipt | {"member": {"kind": "card", "value": "9911223344"}})

        privacy.erase(zenobia, at=shop.at, **PARTNER)

        kept = UnclaimedSale.objects.get()
        assert kept.activity is not None
        assert (kept.body["external_id"], kept.body["attributes"]) == ("z-2", {})
        assert tables_with(*SECRETS) == set()

    def test_empties_answers_that_say_where_a_reward_was_sent(self, zenobia, till, shop, points):
        factories.RewardFactory.create(program=shop.program, key="mug", wallet_type=points, price=10)
        bought = shop.redeems("mug", HER_CARD)
        place, sent = f"/v1/redemptions/{bought.id}/fulfil", {"tracking": "Bahnhofsallee 1, parcel 7"}
        first = till.post(place, sent, idempotency_key="k1")

        privacy.erase(zenobia, at=shop.at, **PARTNER)

        repeat = till.post(place, sent, idempotency_key="k1")
        assert first.json()["tracking"] == "Bahnhofsallee 1, parcel 7"
        assert (repeat.status_code, repeat.json()["tracking"]) == (200, "")
        assert tables_with(*SECRETS) == set()

    def test_happens_once(self, erased, shop):
        with pytest.raises(MemberIsErased):
            privacy.erase(erased, at=shop.at, **PARTNER)

        assert Event.objects.filter(type="member.erased").count() == 1

    def test_of_a_merged_record_points_to_the_survivor(self, zenobia, shop):
        duplicate = Merge.objects.get().duplicate

        with pytest.raises(MemberIsMerged) as refused:
            privacy.erase(duplicate, at=shop.at, **PARTNER)

        assert refused.value.extra == {"survivor_id": str(zenobia.pk)}
        assert "members_member" in tables_with("Quillfeather")

    def test_undoes_itself_whole_if_a_keeper_fails(self, zenobia, shop, monkeypatch):
        def fail(_ids: Any) -> None:
            raise RuntimeError("out of paper")

        monkeypatch.setattr(privacy, "keepers", [privacy.Keeper(tell=lambda _ids: {}, forget=fail)])

        with pytest.raises(RuntimeError):
            privacy.erase(zenobia, at=shop.at, **PARTNER)

        zenobia.refresh_from_db()
        assert (zenobia.status, zenobia.last_name) == ("active", "Quillfeather")
        assert Wallet.objects.get(member=zenobia).held == 40

    def test_lets_the_next_person_have_the_card(self, erased, program, shop):
        new = enrolment.enrol(program=program, identifiers=[("card", "9911223344")], at=shop.at, **PARTNER)

        assert new.pk != erased.pk


class TestErased:
    """An erased member is refused by every journey."""

    def test_is_unknown_to_sales_holds_and_redemptions(self, erased, shop, till):
        by_id = MemberReference("id", str(erased.pk))

        for act in (
            lambda: shop.sells("z-2", "10.00", member=by_id),
            lambda: shop.holds(1, member=by_id),
            lambda: shop.redeems("coffee", member=by_id),
            lambda: shop.sells("z-3", "10.00", member=HER_CARD),
        ):
            with pytest.raises(UnknownMember):
                act()
        assert Activity.objects.count() == 1

    def test_is_not_changed_blocked_or_named(self, erased, shop):
        known: dict[str, Any] = {"at": shop.at, **PARTNER}

        for act in (
            lambda: details.change(erased, given={"first_name": "Z"}, **known),
            lambda: blocking.block(erased, reason="fraud", **known),
            lambda: blocking.lift(erased, **known),
            lambda: identifying.add(erased, kind="card", value="1", **known),
            lambda: consents.record(erased, purpose="newsletter", is_granted=True, **known),
            lambda: dossier.of(erased, at=shop.at),
        ):
            with pytest.raises(MemberIsErased):
                act()

    def test_gets_and_loses_no_points_and_is_not_merged(self, erased, ada, shop, program, sam):
        known: dict[str, Any] = {"at": shop.at, **PARTNER}

        with pytest.raises(NotAdjustable):
            adjustments.adjust(
                program=program,
                member_id=erased.pk,
                wallet_type="points",
                points=1,
                reason="goodwill",
                by=sam,
                **known,
            )
        with pytest.raises(CannotMerge):
            merging.merge(survivor=ada, duplicate=erased, **known)
        with pytest.raises(CannotUnmerge):
            unmerging.undo(Merge.objects.get(), **known)
        assert Adjustment.objects.count() == 1

    def test_has_activities_that_are_not_explained_by_what_is_forgotten(self, erased, program):
        told = explaining.told(Activity.objects.get(), program=program)

        assert (told["points"], told["verdicts"]) == (100, [])


class TestStays:
    def test_a_block_is_not_rewritten(self, ada, shop):
        blocking.block(ada, reason="fraud", note="Seen", at=shop.at, **PARTNER)

        for change in ({"reason": "other"}, {"note": "Not seen"}, {"blocked_at": shop.later(days=1).at}):
            with pytest.raises(DatabaseError), transaction.atomic():
                Block.objects.update(**change)
        with pytest.raises(DatabaseError), transaction.atomic():
            Block.objects.all()._raw_delete("default")
        Block.objects.update(note="")

    def test_a_consent_is_never_changed_or_deleted(self, ada, shop):
        consents.record(ada, purpose="sms", is_granted=True, evidence={"a": "b"}, at=shop.at, **PARTNER)

        with pytest.raises(DatabaseError), transaction.atomic():
            Consent.objects.update(is_granted=False)
        with pytest.raises(DatabaseError), transaction.atomic():
            ConsentEvidence.objects.update(details={})
        ConsentEvidence.objects.all().delete()
        with pytest.raises(DatabaseError), transaction.atomic():
            Consent.objects.all()._raw_delete("default")


class TestDossier:
    def test_has_everything_that_is_known_of_one_person(self, zenobia, shop):
        told = dossier.of(zenobia, at=shop.at)["parts"]

        text = json.dumps(told)
        for secret in SECRETS:
            assert secret in text, secret
        assert len(told["records"]) == 2
        assert {one["value"] for one in told["identifiers"]} == {
            "9911223344",
            "zq@quillfeather.example",
            "zq-old",
        }
        assert told["consents"][0]["evidence"] == {"form": "zq@quillfeather.example"}
        assert [entry["points"] for entry in told["entries"] if entry["kind"] == "earn"] == [100]
        assert [event["type"] for event in told["events"]][0] == "member.registered"

    def test_has_nothing_of_others(self, zenobia, ada, shop):
        shop.sells("a-1", "1.00", member=CARD)

        text = json.dumps(dossier.of(ada, at=shop.at), default=str)

        assert "a-1" in text
        assert not any(secret in text for secret in SECRETS)
        assert str(zenobia.pk) not in text

    def test_knows_every_table_about_members(self, db):
        """Whoever adds a table about members says what a person is told of it, or that there is nothing."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'public'"
                " AND (column_name IN ('member_id', 'survivor_id', 'sender_id', 'friend_id'))"
            )
            tables = {name for (name,) in cursor.fetchall()}
        told = " ".join([*dossier.STATEMENTS, *remembered.PARTS.values()])
        silent = {
            "members_posting",
            "rewards_backtestmember",
        }  # told by entry and lot; only figures of a trial

        assert {name for name in tables if f"{name} " not in told} == silent


class TestApi:
    def test_erases_for_good_and_answers_a_repeat_alike(self, till, zenobia):
        place = "/v1/members/card:9911223344/erase"
        first = till.post(place, None, idempotency_key="k")
        repeat = till.post(place, None, idempotency_key="k")
        again = till.post(place, None)

        assert (first.status_code, repeat.json()) == (200, first.json())
        assert first.json()["status"] == "erased"
        assert first.json()["identifiers"] == []
        assert again.status_code == 404
        assert till.get(f"/v1/members/{zenobia.pk}").json() == first.json()

    def test_does_not_register_the_person_anew_by_a_late_repeat(self, till, zenobia):
        till.post(f"/v1/members/{zenobia.pk}/erase", None)
        body = {
            "identifiers": [{"kind": "card", "value": "9911223344"}],
            "first_name": "Zenobia",
            "last_name": "Quillfeather",
            "birth_date": "1987-03-21",
            "attributes": {"diet": "halal"},
        }

        repeat = till.post("/v1/members", body, idempotency_key="register")

        assert repeat.headers["Idempotent-Replayed"] == "true"
        assert repeat.json() == till.get(f"/v1/members/{zenobia.pk}").json()

    @pytest.mark.parametrize(
        "ending", ["/entries", "/balance", "/identifiers", "/export", "/status", "/consents"]
    )
    def test_shows_nothing_of_an_erased_member(self, till, erased, ending):
        assert till.get(f"/v1/members/{erased.pk}{ending}").status_code == 404

    def test_exports_in_few_round_trips_however_much_there_is(
        self, till, zenobia, shop, django_assert_num_queries
    ):
        shop.sells("z-2", "10.00", member=HER_CARD)

        with django_assert_num_queries(33):
            response = till.get(f"/v1/members/{zenobia.pk}/export")

        assert response.status_code == 200
        assert len(response.json()["parts"]["activities"]) == 2

    def test_erases_in_bounded_round_trips(self, till, ada, points, django_assert_num_queries):
        with django_assert_num_queries(51):
            till.post(f"/v1/members/{ada.pk}/erase", None)


def test_notes_of_the_admin_keep_who_did_what(ada, sam):
    noted(
        sam,
        ada,
        '[{"added": {"name": "identifier", "object": "a \\"b\\" c"}}, {"changed": {"fields": ["x"]}}]',
    )

    audit.forget(Member, [ada.pk], names=[])

    entry = LogEntry.objects.get()
    assert json.loads(entry.change_message) == [
        {"added": {"name": "identifier", "object": ""}},
        {"changed": {"fields": ["x"]}},
    ]
    assert (entry.user_id, entry.object_repr) == (sam.pk, "")
