import pytest
from structlog.testing import capture_logs

from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event, Program
from members.ledger import verify
from members.models import Entry, Lot, Member, MemberTier, Posting, Wallet
from members.references import MemberIsBlocked, MemberReference, UnknownMember
from rewards.deciding.activities import Sale
from rewards.deciding.recorded import AlreadyReported, Recorded
from rewards.journeys import earning
from rewards.models import Activity, Campaign, CampaignVersion
from rewards.planning import campaigns
from rewards.telling import explaining
from tests import factories
from tests.cast import Shop, euros, line


class TestRecord:
    def test_gives_a_point_for_each_whole_euro(self, shop: Shop, ada: Member):
        recorded = shop.sells("receipt-1", "12.99")

        assert recorded.points == 12
        assert recorded.member_id == ada.pk
        assert recorded.wallets == ({"type": "points", "available": 12, "pending": 0, "held": 0},)
        assert recorded.awards[0]["campaign"] == "base"

    def test_books_one_lot_one_entry_and_one_posting(self, shop: Shop, ada: Member):
        recorded = shop.sells("receipt-1", "12.99")

        wallet = Wallet.objects.get(member=ada)
        entry = Entry.objects.get()
        assert (wallet.available, wallet.lifetime_earned, wallet.entry_count) == (12, 12, 1)
        assert (entry.kind, entry.points, entry.available_after) == ("earn", 12, 12)
        assert entry.cause == f"sale:{recorded.id}:earn:points"
        assert entry.actor == "partner:till"
        assert Lot.objects.get().activity_id == recorded.id
        assert Posting.objects.get().destination == "available"
        assert list(verify.run()) == []

    def test_tells_of_it_in_the_event_log(self, shop: Shop, ada: Member):
        recorded = shop.sells("receipt-1", "12.99")

        event = Event.objects.get(type="points.earned")
        assert event.member_id == ada.pk
        assert event.data["points"] == 12
        assert event.data["activity_id"] == str(recorded.id)

    def test_raises_the_tier_at_once(self, shop: Shop, ada: Member):
        before = shop.sells("receipt-1", "999.00")
        after = shop.sells("receipt-2", "1.00")

        assert (before.tier, after.tier) == ("basic", "silver")
        assert MemberTier.objects.get(member=ada).progress == 1000
        assert Event.objects.get(type="tier.upgraded").data["tier"] == "silver"

    def test_answers_a_repeat_with_the_first_result_and_books_nothing(self, shop: Shop, ada: Member):
        first = shop.sells("receipt-1", "12.99")
        shop.sells("receipt-2", "50.00")

        again = shop.later(hours=1).sells("receipt-1", "12.99", occurred_at=shop.at)

        assert again.is_repeat
        assert (again.id, again.points, again.wallets) == (first.id, first.points, first.wallets)
        assert Wallet.objects.get(member=ada).available == 62

    def test_refuses_a_repeat_with_another_amount(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "12.99")

        with pytest.raises(AlreadyReported, match="it gave 12 points"):
            shop.sells("receipt-1", "13.99")

        assert Wallet.objects.get(member=ada).available == 12

    def test_takes_the_same_number_of_another_partner_as_another_sale(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "10.00")

        Shop(program=shop.program, at=shop.at, source="web").sells("receipt-1", "10.00")

        assert Wallet.objects.get(member=ada).available == 20

    @pytest.mark.parametrize(
        ("sale", "pointer"),
        [
            ({"amount": euros("10.00", "USD")}, "#/amount/currency"),
            ({"lines": (line("1", "1.00"), line("1", "2.00"))}, "#/lines/1/id"),
        ],
    )
    def test_refuses_what_cannot_be_and_names_the_field(self, shop: Shop, ada: Member, sale, pointer):
        amount = {"amount": euros("10.00")} | sale
        reported = Sale(
            external_id="receipt-1", occurred_at=shop.at, member=MemberReference("card", "1001"), **amount
        )

        with pytest.raises(InvalidInput) as refusal:
            earning.record(reported, program=shop.program, source="till", actor="partner:till", at=shop.at)

        assert refusal.value.pointer == pointer
        assert not Activity.objects.exists()

    def test_refuses_a_sale_of_tomorrow(self, shop: Shop, ada: Member):
        with pytest.raises(InvalidInput) as refusal:
            shop.sells("receipt-1", "10.00", occurred_at=shop.later(days=1).at)

        assert refusal.value.pointer == "#/occurred_at"

    def test_refuses_an_unknown_card(self, shop: Shop, ada: Member):
        with pytest.raises(UnknownMember, match="card “9999”"):
            shop.sells("receipt-1", "10.00", member=MemberReference("card", "9999"))

        assert not Activity.objects.exists()

    def test_does_not_find_a_member_of_another_program(self, shop: Shop, ada: Member):
        stranger = factories.IdentifierFactory.create(value="7777").member

        for reference in (MemberReference("card", "7777"), MemberReference("id", str(stranger.pk))):
            with pytest.raises(UnknownMember):
                shop.sells("receipt-1", "10.00", member=reference)

    def test_refuses_a_blocked_member(self, shop: Shop, ada: Member):
        Member.objects.update(status="blocked")

        with pytest.raises(MemberIsBlocked):
            shop.sells("receipt-1", "10.00")

    def test_gives_nothing_for_a_sale_before_the_campaign(self, shop: Shop, ada: Member):
        recorded = shop.sells("receipt-1", "10.00", occurred_at=shop.later(days=-2000).at)

        assert recorded.points == 0
        assert Activity.objects.get().awards == []
        assert not Entry.objects.exists()

    def test_a_late_sale_earns_by_the_version_of_when_it_happened(
        self, shop: Shop, ada: Member, base_rule: Campaign
    ):
        campaigns.pause(base_rule, by=None, at=shop.at)
        shop.program.refresh_from_db()

        late = shop.later(hours=1).sells("receipt-1", "10.00", occurred_at=shop.later(hours=-1).at)
        paused = shop.later(hours=1).sells("receipt-2", "10.00")

        assert (late.points, paused.points) == (10, 0)

    def test_what_was_scheduled_before_the_end_does_not_start_after_it(
        self, shop: Shop, ada: Member, base_rule: Campaign
    ):
        double = factories.definition({"kind": "points_per_unit", "points": "2", "per": "1.00"})
        campaigns.publish(
            base_rule, definition=double, by=None, at=shop.at, effective_at=shop.later(days=1).at
        )
        campaigns.end(base_rule, by=None, at=shop.later(minutes=1).at)
        shop.program.refresh_from_db()

        assert shop.later(days=2).sells("receipt-1", "10.00").points == 0

    def test_awards_are_the_same_after_the_programs_terms_have_changed(self, shop: Shop, ada: Member):
        recorded = shop.sells("receipt-1", "10.90")
        Program.objects.update(rounding="up", time_zone="Asia/Tokyo")

        activity = Activity.objects.get(pk=recorded.id)
        again = explaining.recomputed(activity, program=Program.objects.get(pk=shop.program.pk))
        assert [award.points for award in again] == [10]

    def test_opens_the_wallet_of_a_type_that_is_younger_than_the_member(
        self, shop: Shop, ada: Member, base_rule: Campaign
    ):
        shop.sells("receipt-1", "10.00")
        factories.WalletTypeFactory.create(program=shop.program, key="stars", name="Stars")
        campaigns.publish(
            factories.CampaignFactory.create(program=shop.program, key="stars"),
            definition=factories.definition({"kind": "fixed_points", "points": 3, "wallet_type": "stars"}),
            by=None,
            at=shop.at,
        )
        shop.program.refresh_from_db()

        shop.sells("receipt-2", "10.00")

        balances = dict(Wallet.objects.filter(member=ada).values_list("type__key", "available"))
        assert balances == {"points": 20, "stars": 3}
        assert list(verify.run()) == []

    def test_reads_once_and_writes_once(self, shop: Shop, ada: Member, django_assert_num_queries):
        shop.sells("receipt-1", "10.00")

        # Inside the test's own transaction a write has a savepoint around it.
        with django_assert_num_queries(4):
            shop.sells("receipt-2", "10.00", lines=tuple(line(str(n), "1.00") for n in range(10)))

    def test_awards_can_be_computed_again_from_what_is_stored(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "1000.50", lines=(line("1", "3.00", category="fruit", quantity="2.5"),))
        recorded = shop.sells("receipt-2", "7.00")

        activity = Activity.objects.get(pk=recorded.id)
        again = explaining.recomputed(activity, program=shop.program)
        assert [(a.campaign_key, a.points) for a in again] == [
            (a["campaign"], a["points"]) for a in activity.awards
        ]

    def test_a_custom_event_earns_by_the_campaigns_that_listen_to_it(self, shop: Shop, ada: Member):
        definition = factories.definition({"kind": "fixed_points", "points": 5})
        definition["trigger"] = {"kind": "event", "event_type": "app.login"}
        campaigns.publish(
            factories.CampaignFactory.create(program=shop.program, key="login"),
            definition=definition,
            by=None,
            at=shop.at,
        )
        shop.program.refresh_from_db()

        assert shop.hears_of("login-1", "app.login").points == 5
        assert shop.hears_of("review-1", "review.written").points == 0
        assert Wallet.objects.get(member=ada).available == 5

    def test_goes_on_by_the_others_where_a_version_can_no_longer_be_read(
        self, shop: Shop, ada: Member, program: Program
    ):
        campaign = factories.CampaignFactory.create(program=program, key="old", name="Old")
        CampaignVersion.objects.create(
            program=program,
            campaign=campaign,
            number=1,
            definition={"trigger": {"kind": "purchase"}, "effects": []},
            effective_at=shop.at,
        )
        program.refresh_from_db()

        with capture_logs() as logs:
            recorded = shop.sells("receipt-1", "12.99")

        assert recorded.points == 12
        assert [(said["event"], said["campaign"]) for said in logs] == [("campaign.unreadable", "old")]


class TestRecordMany:
    def test_gives_each_its_result_in_order(self, shop: Shop, ada: Member):
        shop.sells("old", "10.00")
        sales = [
            shop.sale("old", "10.00"),
            shop.sale("new", "20.00"),
            shop.sale("new", "20.00"),
            shop.sale("new", "21.00"),
            shop.sale("nobody", "1.00", member=MemberReference("card", "9999")),
            shop.sale("last", "5.00"),
        ]

        results = earning.record_many(
            sales, program=shop.program, source="till", actor="partner:till", at=shop.at
        )

        kinds = [result.is_repeat if isinstance(result, Recorded) else type(result) for result in results]
        assert kinds == [True, False, True, AlreadyReported, UnknownMember, False]
        assert Wallet.objects.get(member=ada).available == 35
        assert list(verify.run()) == []

    def test_is_the_same_as_one_after_the_other(self, shop: Shop, ada: Member, program: Program):
        bert = factories.IdentifierFactory.create(member__program=program, value="2002").member
        pairs = [("1001", "600.00"), ("2002", "10.00"), ("1001", "500.00"), ("2002", "3.00")]
        sales = [
            shop.sale(f"receipt-{number}", amount, member=MemberReference("card", card))
            for number, (card, amount) in enumerate(pairs)
        ]

        results = earning.record_many(sales, program=program, source="till", actor="partner:till", at=shop.at)

        assert [r.wallets[0]["available"] for r in results if isinstance(r, Recorded)] == [600, 10, 1100, 13]
        assert [r.tier for r in results if isinstance(r, Recorded)] == ["basic", "basic", "silver", "basic"]
        assert dict(Wallet.objects.values_list("member_id", "available")) == {ada.pk: 1100, bert.pk: 13}
        assert list(verify.run()) == []

    def test_needs_no_more_statements_for_many(self, shop: Shop, ada: Member, django_assert_num_queries):
        shop.sells("receipt-1", "10.00")
        sales = [shop.sale(f"bulk-{number}", "1.00") for number in range(300)]

        # A savepoint, the members, two locks, what is known of them, and the plan in its own savepoint.
        with django_assert_num_queries(9):
            earning.record_many(sales, program=shop.program, source="till", actor="partner:till", at=shop.at)

        assert Wallet.objects.get(member=ada).available == 310
