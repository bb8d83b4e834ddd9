"""The results in the admin: what each state says, who may see it, and what it costs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from loyalty.core.models import Program, Role
from members.models import Member, WalletType
from members.references import MemberReference
from rewards.models import Campaign, CampaignMeasurement, MeasurementStatus
from rewards.performance import checks, days, measuring
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop
from tests.clients import staff

OpenAs = Callable[[Role], Client]


@pytest.fixture
def open_as(program: Program) -> OpenAs:
    return partial(staff, program)


@pytest.fixture
def marketer(open_as: OpenAs) -> Client:
    return open_as(Role.MARKETER)


@pytest.fixture
def people(program: Program, points: WalletType, noon: datetime) -> list[Member]:
    """Forty members who enrolled long ago; card 2000 and on."""
    people = []
    for number in range(40):
        member = factories.MemberFactory.create(program=program, enrolled_at=noon - timedelta(days=400))
        factories.IdentifierFactory.create(member=member, kind="card", value=f"{2000 + number}")
        people.append(member)
    return people


def gift(points: int) -> dict[str, Any]:
    return {"kind": "fixed_points", "points": points, "wallet_type": "points"}


def begun(shop: Shop, **definition: Any) -> tuple[Campaign, Shop]:
    campaign = factories.CampaignFactory.create(program=shop.program, key="trial", name="A trial")
    definition = {"trigger": {"kind": "sale"}, **definition}
    campaigns.publish(campaign, definition=definition, by=None, at=shop.at, effective_at=shop.at)
    shop.program.refresh_from_db()
    return campaign, replace(shop, program=campaign.program)


def sells_to_all(shop: Shop, number: int = 40) -> None:
    for position in range(number):
        card = MemberReference(kind="card", value=f"{2000 + position}")
        shop.later(hours=1, minutes=position).sells(f"s{position}", f"{20 + position}.00", member=card)


def results(client: Client, campaign: Campaign, **query: str) -> HttpResponse:
    return client.get(reverse("admin:rewards_campaign_performance", args=[campaign.pk]), query)  # type: ignore[return-value]


def text_of(response: Any) -> str:
    assert response.status_code == 200
    said: str = response.content.decode()
    return said


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of five are enough, so that a test need not sell to hundreds."""
    monkeypatch.setattr(checks, "MEMBERS_NEEDED", 5)
    monkeypatch.setattr(checks, "BUYERS_NEEDED", 5)


class TestStates:
    def test_a_draft_says_how_its_effect_could_be_known(self, program: Program, marketer: Client):
        draft = factories.CampaignFactory.create(program=program)

        body = text_of(results(marketer, draft))

        assert "Nothing to see yet" in body
        assert "hold out a control group" in body

    def test_what_was_not_counted_yet_can_be_counted(self, shop: Shop, marketer: Client):
        campaign, _shop = begun(shop, effects=[gift(10)])

        body = text_of(results(marketer, campaign))

        assert "Not counted yet" in body
        assert "Count again" in body
        assert "It has not given anything yet" in body

    def test_without_a_control_group_no_effect_is_claimed(
        self, shop: Shop, people: list[Member], marketer: Client
    ):
        campaign, shop = begun(shop, effects=[gift(10)])
        sells_to_all(shop)
        days.count(shop.program)
        measuring.measure(campaign, at=shop.at + timedelta(days=1))

        body = text_of(results(marketer, campaign))

        assert "What it brought about cannot be known" in body
        assert "A description, no effect" in body
        assert "because of it" not in body
        assert "95 % interval" not in body
        assert "400" in body

    def test_few_members_are_not_enough(self, shop: Shop, people: list[Member], marketer: Client):
        campaign, shop = begun(shop, effects=[gift(10)], audience={"control_percent": 50})
        sells_to_all(shop)
        measuring.measure(campaign, at=shop.at + timedelta(days=1))

        body = text_of(results(marketer, campaign))

        assert "Not enough members yet" in body
        assert "95 % interval" not in body

    @pytest.mark.usefixtures("few")
    def test_a_control_group_shows_the_difference_with_its_interval(
        self, shop: Shop, people: list[Member], marketer: Client
    ):
        campaign, shop = begun(shop, effects=[gift(10)], audience={"control_percent": 50})
        sells_to_all(shop)
        measuring.measure(campaign, at=shop.at + timedelta(days=1))

        body = text_of(results(marketer, campaign, margin="25"))

        assert "No effect on sales is to be seen" in body
        assert "With 95 % confidence the true difference lies between" in body
        assert "Taking part against control group" in body
        assert "Return on cost" in body
        assert "still running: preliminary" in body

    @pytest.mark.usefixtures("few")
    def test_variants_are_compared_by_their_names(self, shop: Shop, people: list[Member], marketer: Client):
        variants = [
            {"key": "a", "name": "Thirty <points>", "percent": 50, "effects": [gift(30)]},
            {"key": "b", "name": "Ten", "percent": 50, "effects": [gift(10)]},
        ]
        campaign, shop = begun(shop, audience={"variants": variants})
        sells_to_all(shop)
        measuring.measure(campaign, at=shop.at + timedelta(days=1))

        body = text_of(results(marketer, campaign))

        assert "Thirty &lt;points&gt; against Ten" in body
        assert "says which is better, not whether either does anything" in body

    def test_an_ended_campaign_is_over(self, shop: Shop, people: list[Member], marketer: Client):
        campaign, shop = begun(shop, effects=[gift(10)], audience={"control_percent": 50})
        sells_to_all(shop)
        campaigns.end(campaign, by=None, at=shop.at + timedelta(days=2))
        measuring.measure(campaign, at=shop.at + timedelta(days=5))

        body = text_of(results(marketer, campaign))

        assert ">over<" in body
        assert "still running" not in body

    def test_a_margin_that_is_none_is_told_at_the_field(
        self, shop: Shop, people: list[Member], marketer: Client, few: None
    ):
        campaign, shop = begun(shop, effects=[gift(10)], audience={"control_percent": 50})
        sells_to_all(shop)
        measuring.measure(campaign, at=shop.at + timedelta(days=1))

        body = text_of(results(marketer, campaign, margin="130"))

        assert "less than or equal to 100" in body
        assert "Return on cost" not in body


class TestCount:
    def url(self, campaign: Campaign) -> str:
        return reverse("admin:rewards_campaign_performance_count", args=[campaign.pk])

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.FINANCE, Role.ADMINISTRATOR])
    def test_is_asked_for_once_however_often_it_is_asked(self, shop: Shop, open_as: OpenAs, role: Role):
        campaign, _shop = begun(shop, effects=[gift(10)])
        client = open_as(role)

        client.post(self.url(campaign))
        client.post(self.url(campaign))

        measurement = CampaignMeasurement.objects.get()
        assert measurement.status == MeasurementStatus.WAITING
        assert "Being counted" in text_of(results(client, campaign))

    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.OPERATOR])
    def test_is_for_those_who_may(self, shop: Shop, open_as: OpenAs, role: Role):
        campaign, _shop = begun(shop, effects=[gift(10)])

        response = open_as(role).post(self.url(campaign))

        assert response.status_code in (403, 404)
        assert not CampaignMeasurement.objects.exists()

    def test_is_not_done_by_looking(self, shop: Shop, marketer: Client):
        campaign, _shop = begun(shop, effects=[gift(10)])

        assert marketer.get(self.url(campaign)).status_code == 405


class TestSeen:
    @pytest.mark.parametrize(
        ("role", "status"),
        [(Role.MARKETER, 200), (Role.FINANCE, 200), (Role.SUPPORT, 200), (Role.OPERATOR, 404)],
    )
    def test_by_those_who_see_campaigns(self, shop: Shop, open_as: OpenAs, role: Role, status: int):
        campaign, _shop = begun(shop, effects=[gift(10)])

        assert results(open_as(role), campaign).status_code == status

    def test_by_nobody_of_another_program(self, shop: Shop, open_as: OpenAs, marketer: Client):
        elsewhere = factories.ProgramFactory.create(key="elsewhere")
        foreign = factories.CampaignFactory.create(program=elsewhere, name="A secret")

        assert results(marketer, foreign).status_code == 404
        assert "A secret" not in text_of(marketer.get(reverse("admin:rewards_campaign_results")))

    def test_the_page_takes_the_same_queries_for_one_day_and_many(
        self,
        shop: Shop,
        people: list[Member],
        marketer: Client,
        django_assert_num_queries: DjangoAssertNumQueries,
    ):
        campaign, shop = begun(shop, effects=[gift(10)], audience={"control_percent": 50})
        for number in range(20):
            card = MemberReference(kind="card", value=f"{2000 + number}")
            shop.later(days=number, hours=1).sells(f"s{number}", "20.00", member=card)
        days.count(shop.program)
        measuring.measure(campaign, at=shop.at + timedelta(days=30))
        results(marketer, campaign)

        with django_assert_num_queries(9):
            results(marketer, campaign)


class TestOverview:
    def test_puts_campaigns_beside_each_other(
        self,
        shop: Shop,
        people: list[Member],
        marketer: Client,
        django_assert_num_queries: DjangoAssertNumQueries,
    ):
        campaign, shop = begun(shop, effects=[gift(10)], audience={"control_percent": 50})
        sells_to_all(shop)
        days.count(shop.program)
        measuring.measure(campaign, at=shop.at + timedelta(days=1))
        address = reverse("admin:rewards_campaign_results")
        marketer.get(address, {"days": "365"})

        with django_assert_num_queries(7):
            body = text_of(marketer.get(address, {"days": "365"}))

        assert "A trial" in body
        assert "A point for each euro" in body
        assert "too few members yet" in body

    @pytest.mark.parametrize("role", [Role.OPERATOR])
    def test_is_not_for_those_who_see_no_campaigns(self, program: Program, open_as: OpenAs, role: Role):
        assert open_as(role).get(reverse("admin:rewards_campaign_results")).status_code == 403

    def test_says_that_nothing_has_run(self, program: Program, marketer: Client):
        assert "No campaign has run yet" in text_of(marketer.get(reverse("admin:rewards_campaign_results")))


class TestDownloads:
    def lines(self, response: Any) -> list[str]:
        assert response.status_code == 200
        return b"".join(response.streaming_content).decode().splitlines()

    def test_give_the_days_and_the_groups(
        self, shop: Shop, people: list[Member], marketer: Client, few: None
    ):
        campaign, shop = begun(shop, effects=[gift(10)], audience={"control_percent": 50})
        sells_to_all(shop)
        days.count(shop.program)
        counted = measuring.measure(campaign, at=shop.at + timedelta(days=1))
        reached = counted.figures["reached"]

        header, day = self.lines(results(marketer, campaign, csv="days"))
        groups = self.lines(results(marketer, campaign, csv="groups"))
        effects = self.lines(results(marketer, campaign, csv="effects"))

        assert header == "day,version,variant,activities,members,points,cost,sales"
        assert day.startswith(f"2026-06-01,1,,{reached},{reached},{reached * 10},")
        assert [line.split(",")[0] for line in groups] == ["group", "control", "treated"]
        assert effects[1].startswith("treated,control,")

    def test_there_is_none_of_what_does_not_exist(self, shop: Shop, marketer: Client):
        campaign, _shop = begun(shop, effects=[gift(10)])

        assert results(marketer, campaign, csv="members").status_code == 404
        assert results(marketer, campaign, csv="groups").status_code == 404
