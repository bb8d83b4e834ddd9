"""The catalogue tells the truth about events, and samples change nothing."""

from datetime import date, datetime, timedelta
from pathlib import Path

import jsonschema
import msgspec
import pytest
from django.conf import settings

from integrations.management.commands import event_catalogue as command
from integrations.models import Delivery
from integrations.sandbox import samples, time_travel
from loyalty.core import clock, event_catalogue
from loyalty.core.events import TYPES
from loyalty.core.models import Event, Program, Role, User
from members import (
    adjustments,
    blocking,
    details,
    enrolment,
    expiry,
    holds,
    merging,
    reasons,
    segments,
    transfers,
    unmerging,
    warnings,
)
from members.ledger import verify
from members.models import Entry, Member, Segment, WalletType
from members.references import MemberReference
from rewards import prize_draws
from rewards.happenings import noticing, occasion_days
from rewards.models import Activity, Badge, Challenge, PrizeDraw
from rewards.planning import campaigns, turns
from rewards.redeeming import uploaded_codes
from tests import factories
from tests.cast import Shop
from tests.catalogue import fault_of, strictly
from tests.clients import employed
from tests.rewards.occasions.conftest import read_the_log

# All tests of the API and of rewards hold what they publish to the catalogue: see `tests.catalogue`.
UNSEEN = {
    "checkout.abandoned",
    "checkout.confirmed",
    "checkout.expired",
    "sale.cancelled",
    "sale.corrected",
    "consent.granted",
    "consent.withdrawn",
    "member.erased",
    "points.unlocked",
    "redemption.expired",
    "redemption.fulfilled",
    "redemption.held",
    "redemption.returned",
    "referral.qualified",
    "tier.downgraded",
    "voucher.rolled_back",
    "voucher.used",
    "voucher.voided",
}


class TestCatalogue:
    def test_has_every_type_and_no_other(self):
        assert set(event_catalogue.KINDS) == set(TYPES)

    @pytest.mark.parametrize("kind", list(event_catalogue.kinds()), ids=lambda kind: kind.type)
    def test_has_samples_that_fit_their_schemas(self, kind):
        schema = strictly(kind)
        jsonschema.Draft202012Validator.check_schema(schema)
        sample = msgspec.to_builtins(event_catalogue.sample(kind, at=factories.NOON))

        jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(sample)

    def test_describes_no_field_that_no_event_has(self):
        used = {name for kind in event_catalogue.kinds() for name in kind.fields}

        assert used | {"is_sample"} == set(event_catalogue.FIELDS)

    def test_is_the_page_of_the_docs(self):
        page = Path(settings.BASE_DIR) / "docs" / "partners" / "events.md"

        assert page.read_text(encoding="utf-8") == command.page(), (
            "write it anew: manage.py event_catalogue > docs/partners/events.md"
        )


@pytest.mark.django_db
class TestTruth:
    def test_each_event_of_a_busy_story_is_as_the_catalogue_says(
        self, shop: Shop, ada: Member, points: WalletType, noon
    ):
        program = shop.program
        live_through(program, shop, ada, points, noon)

        told = list(Event.objects.filter(program=program))

        assert [fault for event in told if (fault := fault_of(event))] == []
        assert set(TYPES) - {event.type for event in told} == UNSEEN


def live_through(program: Program, shop: Shop, ada: Member, points: WalletType, noon: datetime) -> None:
    chief = employed(program, Role.ADMINISTRATOR)
    Program.objects.filter(pk=program.pk).update(created_at=noon)
    program.refresh_from_db()
    WalletType.objects.filter(pk=points.pk).update(
        transfers_to="anyone", expiry_rule="days", expires_after=30, warns_days_before=10
    )
    Badge.objects.create(program=program, key="regular", name="Regular")
    Challenge.objects.create(program=program, key="ten", name="Ten", goal=2)
    draw = PrizeDraw.objects.create(
        program=program, key="summer", name="Summer", closes_at=noon + timedelta(days=2)
    )
    factories.RewardFactory.create(program=program, key="coffee", wallet_type=points, price=10)
    reasons.set_up_usual(program)
    gifts = [
        {"kind": "badge", "badge": "regular"},
        {"kind": "challenge_progress", "challenge": "ten", "count": 1},
        {"kind": "prize_draw_entry", "draw": "summer", "entries": 1},
        {"kind": "webhook", "event_type": "shop.signal"},
        {"kind": "reward", "reward": "coffee"},
    ]
    limits = {"in_all": [{"times": 2}]}
    ends = (noon + timedelta(days=20)).isoformat()
    campaign = factories.CampaignFactory.create(program=program, key="gifts")
    campaigns.publish(
        campaign,
        definition={
            "trigger": {"kind": "sale"},
            "conditions": {"all": []},
            "effects": [*gifts, {"kind": "fixed_points", "points": 5, "wallet_type": "points"}],
            "limits": limits,
            "schedule": {"ends_at": ends},
        },
        by=None,
        at=noon,
    )
    program.refresh_from_db()
    details.tell_changed(ada, fields=["last_name"], filled=["last_name"], actor="staff:1", at=noon)
    shop.sells("r1", "1000.00")
    shop.sells("r2", "50.00")
    shop.takes_back("b1", "r2", "10.00")
    shop.redeems("coffee")
    tickets = factories.RewardFactory.create(
        program=program, key="cinema", wallet_type=points, price=10, codes_from="uploaded", stock=0
    )
    uploaded_codes.add(tickets, lines=["CINE-0001"], by=chief, at=noon)
    shop.redeems("cinema")
    paid, left = shop.holds(20), shop.holds(30)
    holds.settle(paid.hold.id, points=20, sale_external_id="r2", **shop._where())
    holds.release(left.hold.id, **shop._where())
    shop.takes_back("b2", "r2")
    bert = enrolment.enrol(
        program=program,
        identifiers=[("card", "7")],
        at=noon,
        actor="partner:till",
        birth_date=date(1990, 6, 2),
    )
    transfers.send(
        sender=MemberReference(kind="card", value="1001"),
        recipient=MemberReference(kind="card", value="7"),
        wallet_type="points",
        points=30,
        **shop._where(),
    )
    adjusted(program, ada, chief, at=noon)
    listed = Segment.objects.create(program=program, key="vip", name="VIP", kind="list")
    segments.add(listed, member_ids=[ada.pk], at=noon)
    segments.remove(listed, member_ids=[ada.pk], at=noon)
    list(warnings.warn(program, at=noon + timedelta(days=25)))
    list(expiry.run(program, at=noon + timedelta(days=40)))
    occasion_days.go_through(program, at=noon + timedelta(days=366))
    turns.keep(program, at=noon + timedelta(days=21))
    read_the_log()
    prize_draws.draw(draw, by=chief, at=noon + timedelta(days=3))
    blocking.block(bert, reason="Lost card", actor="staff:1", at=noon + timedelta(days=400))
    blocking.lift(bert, actor="staff:1", at=noon + timedelta(days=400))
    adjusted(program, bert, chief, at=noon + timedelta(days=400))
    merge = merging.merge(survivor=ada, duplicate=bert, actor="staff:1", at=noon + timedelta(days=401))
    unmerging.undo(merge, actor="staff:1", at=noon + timedelta(days=402))


def adjusted(program: Program, member: Member, by: User, *, at: datetime) -> None:
    adjustments.adjust(
        program=program,
        member_id=member.pk,
        wallet_type="points",
        points=15,
        reason="goodwill",
        by=by,
        actor=f"staff:{by.pk}",
        at=at,
    )


@pytest.mark.django_db
class TestSamples:
    @pytest.mark.parametrize("kind", TYPES)
    def test_change_nothing(self, sandbox, beans, kind):
        ada = factories.MemberFactory.create(program=sandbox)

        event = samples.publish(sandbox, event_type=kind, member_id=ada.pk, at=clock.now(sandbox))
        read_the_log()

        assert fault_of(event) == ""
        assert event.data["is_sample"] is True
        assert not Entry.objects.exists()
        assert not Activity.objects.exists()
        assert not list(verify.run())

    def test_are_refused_in_a_live_program(self, program, points):
        with pytest.raises(time_travel.NotASandbox):
            samples.publish(program, event_type="points.earned", member_id=None, at=factories.NOON)

        assert not Event.objects.exists()

    def test_are_heard_by_no_campaign(self, sandbox, beans, run_campaign):
        run_campaign("welcome", {"kind": "fixed_points", "points": 30}, trigger="member_registered")
        ada = factories.MemberFactory.create(program=sandbox)

        for kind in noticing.TYPES:
            samples.publish(sandbox, event_type=kind, member_id=ada.pk, at=clock.now(sandbox))
        read_the_log()

        assert not Entry.objects.exists()


@pytest.mark.django_db
class TestApi:
    def test_lists_all_types(self, tester):
        listed = tester.get("/v1/event-catalogue").json()["data"]

        assert [one["type"] for one in listed] == list(TYPES)
        for one in listed:
            jsonschema.Draft202012Validator(one["schema"]).validate(one["sample"])

    def test_asks_nothing_but_who_calls(self, tester, django_assert_num_queries):
        tester.get("/v1/event-catalogue")

        with django_assert_num_queries(1):
            tester.get("/v1/event-catalogue")

    def test_publishes_a_sample_about_a_member(self, tester, sandbox):
        ada = factories.MemberFactory.create(program=sandbox)
        factories.IdentifierFactory.create(member=ada, kind="card", value="1001")

        answer = tester.post(
            "/v1/sandbox/sample-events",
            {"type": "tier.upgraded", "member": {"kind": "card", "value": "1001"}},
        )

        assert answer.status_code == 201
        event = Event.objects.get(type="tier.upgraded")
        assert (answer.json()["sequence"], answer.json()["data"]) == (event.number, event.data)
        assert event.data["member_id"] == str(ada.pk)
        assert not Delivery.objects.exists()

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"type": "points.invented"}, "unknown_event_type"),
            ({"type": "points.earned", "member": {"kind": "card", "value": "nobody"}}, "unknown_member"),
            ({"type": "points.earned", "data": {}}, "invalid_input"),
        ],
    )
    def test_refuses_what_is_unknown(self, tester, body, code):
        answer = tester.post("/v1/sandbox/sample-events", body)

        assert answer.json()["code"] == code
        assert not Event.objects.exists()
