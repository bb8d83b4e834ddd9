"""The gallery and its forms: from a template to a draft, for those who may, in this program alone."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.core.models import Program, Role
from members.models import TierLadder, WalletType
from rewards.models import Campaign, CampaignStatus, KnownField, KnownValue
from rewards.planning import campaigns, making
from rewards.recipes.catalogue import RECIPES
from rewards.telling import wording
from tests import factories
from tests.clients import staff

GALLERY = reverse("admin:rewards_campaign_gallery")


@pytest.fixture
def marketer(program: Program) -> Client:
    return staff(program, Role.MARKETER)


def address(key: str, *, told: bool = False) -> str:
    return reverse(f"admin:rewards_campaign_{'told' if told else 'recipe'}", args=[key])


HAPPY_HOUR = {
    "name": "Quiet afternoons",
    "factor": "2.5",
    "start": "14:00",
    "end": "16:30",
    "weekdays": ["monday", "tuesday"],
}


class TestGallery:
    def test_shows_every_template_and_the_empty_one(self, marketer: Client, points: WalletType):
        body = marketer.get(GALLERY).content.decode()

        assert all(f'href="{address(recipe.key)}"' in body for recipe in RECIPES)
        assert f'href="{reverse("admin:rewards_campaign_add")}"' in body

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("?q=birth", {"birthday"}),
            ("?q=QUIET+hours", {"happy-hour"}),
            ("?for=engagement", {"login-streak", "receipt-code", "check-in", "say-thanks", "stamp-card"}),
            ("?q=nonsense", set()),
            ("?for=nonsense", set()),
        ],
    )
    def test_is_narrowed_by_words_and_purpose_without_a_script(
        self, marketer: Client, points: WalletType, query: str, found: set[str]
    ):
        body = marketer.get(GALLERY + query).content.decode()

        assert {recipe.key for recipe in RECIPES if f'href="{address(recipe.key)}"' in body} == found

    def test_is_where_new_campaigns_begin(self, marketer: Client, program: Program):
        body = marketer.get(reverse("admin:rewards_campaign_changelist")).content.decode()

        assert f'href="{GALLERY}"' in body

    def test_takes_few_queries_however_many_campaigns_there_are(
        self, marketer: Client, program: Program, points: WalletType, django_assert_max_num_queries: Any
    ):
        factories.CampaignFactory.create_batch(30, program=program)
        marketer.get(GALLERY)

        with django_assert_max_num_queries(8):
            marketer.get(GALLERY)


class TestRecipe:
    @pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.key)
    def test_opens_with_its_usual_answers(self, marketer: Client, ladder: TierLadder, recipe: Any):
        response = marketer.get(address(recipe.key))

        assert response.status_code == 200
        assert str(recipe.name) in response.content.decode()

    def test_becomes_a_draft_that_the_builder_opens(
        self, marketer: Client, program: Program, points: WalletType
    ):
        response = marketer.post(address("happy-hour"), HAPPY_HOUR)

        made = Campaign.objects.get()
        assert response.headers["Location"] == reverse("admin:rewards_campaign_change", args=[made.pk])
        assert marketer.get(response.headers["Location"]).status_code == 200
        assert (made.key, made.name, made.status) == ("quiet-afternoons", "Quiet afternoons", "draft")
        assert made.draft == {
            "trigger": {"kind": "sale"},
            "effects": [{"kind": "multiplier", "wallet_type": "points", "factor": "2.5"}],
            "schedule": {
                "weekdays": ["monday", "tuesday"],
                "hours": [{"from": "14:00", "until": "16:30"}],
            },
        }
        assert not made.versions.exists()

    def test_gets_a_key_that_is_free(self, marketer: Client, program: Program, points: WalletType):
        for _ in range(3):
            marketer.post(address("happy-hour"), HAPPY_HOUR)

        keys = Campaign.objects.order_by("key").values_list("key", flat=True)
        assert list(keys) == ["quiet-afternoons", "quiet-afternoons-2", "quiet-afternoons-3"]

    @pytest.mark.parametrize(
        ("key", "answers", "said"),
        [
            ("happy-hour", HAPPY_HOUR | {"factor": "1"}, "More than 1"),
            ("happy-hour", HAPPY_HOUR | {"end": "14:00"}, "Another time than the beginning"),
            ("happy-hour", HAPPY_HOUR | {"weekdays": ["someday"]}, "not one of the available choices"),
            ("happy-hour", HAPPY_HOUR | {"weekdays": []}, "This field is required"),
            ("happy-hour", HAPPY_HOUR | {"name": ""}, "This field is required"),
            ("welcome", {"name": "W", "points": "0"}, "greater than or equal to 1"),
            ("welcome", {"name": "W", "points": "1e9"}, "Enter a whole number"),
            ("category-bonus", {"name": "C", "points": "1", "categories": " \n "}, "This field is required"),
            (
                "product-launch",
                {
                    "name": "P",
                    "products": "a",
                    "points": "1",
                    "first_day": "2026-07-02",
                    "last_day": "2026-07-01",
                },
                "Not before the first day",
            ),
            (
                "login-streak",
                {"name": "L", "event_type": "a b", "points": "1", "days": "1"},
                "Letters, digits",
            ),
            (
                "login-streak",
                {"name": "L", "event_type": "member.birthday", "points": "1", "days": "1"},
                "member.birthday",
            ),
            ("tier-multiplier", {"name": "T", "factor": "2", "tiers": ["foreign"]}, "available choices"),
        ],
    )
    def test_says_at_the_field_what_is_wrong_and_makes_nothing(
        self, marketer: Client, ladder: TierLadder, key: str, answers: dict[str, Any], said: str
    ):
        response = marketer.post(address(key), answers)

        assert response.status_code == 200
        assert said in response.content.decode()
        assert not Campaign.objects.exists()

    def test_tells_the_sentence_of_the_answers_so_far(
        self, marketer: Client, program: Program, points: WalletType
    ):
        told = marketer.post(address("happy-hour", told=True), HAPPY_HOUR).content.decode()
        not_yet = marketer.post(address("happy-hour", told=True), HAPPY_HOUR | {"start": ""}).content.decode()

        assert "2.5" in told
        assert "14:00" in told
        assert "once every question is answered" in not_yet

    def test_has_the_sentence_of_its_usual_answers_from_the_start(
        self, marketer: Client, program: Program, points: WalletType
    ):
        body = marketer.get(address("welcome")).content.decode()

        assert re.search(r'rg-sentence rg-quote">[^<]*200 points', body)

    @pytest.mark.parametrize(
        ("key", "said"), [("welcome", "no kind of points yet"), ("tier-multiplier", "no kind of points yet")]
    )
    def test_says_what_the_program_lacks(self, marketer: Client, program: Program, key: str, said: str):
        assert said in marketer.get(address(key)).content.decode()

    def test_for_tiers_needs_some(self, marketer: Client, points: WalletType):
        assert "no tiers yet" in marketer.get(address("tier-multiplier")).content.decode()

    def test_for_a_challenge_leads_to_where_one_is_made(self, marketer: Client, points: WalletType):
        body = marketer.get(address("stamp-card")).content.decode()

        assert f'href="{reverse("admin:rewards_challenge_add")}"' in body

    def test_asks_for_the_kind_of_points_where_there_are_several(
        self, marketer: Client, program: Program, points: WalletType
    ):
        factories.WalletTypeFactory.create(program=program, key="miles", name="Miles", is_spendable=False)
        factories.WalletTypeFactory.create(key="foreign", name="Foreign points")

        body = marketer.get(address("welcome")).content.decode()
        marketer.post(address("welcome"), {"name": "W", "points": "5", "wallet_type": "miles"})
        marketer.post(address("welcome"), {"name": "F", "points": "5", "wallet_type": "foreign"})

        assert "Foreign points" not in body
        made = Campaign.objects.get()
        assert made.draft["effects"][0]["wallet_type"] == "miles"
        assert wording.sentence(made.draft, program=program)

    def test_that_does_not_exist_is_not_found(self, marketer: Client, points: WalletType):
        assert marketer.get(address("no-such")).status_code == 404
        assert marketer.post(address("no-such", told=True)).status_code == 404


class TestKnown:
    def test_offers_what_purchases_of_this_program_have_named(self, marketer: Client, program: Program):
        elsewhere = factories.ProgramFactory.create()
        for owner, value in ((program, "Coffee"), (program, "Tea"), (elsewhere, "Cocoa")):
            KnownValue.objects.create(
                program=owner, field=KnownField.CATEGORY, value=value, last_seen=factories.NOON.date()
            )
        known = reverse("admin:rewards_campaign_known")

        answers = [marketer.get(known, {"list": "categories", "q": text}).json() for text in ("co", "", "\0")]

        assert answers[0] == [["Coffee", "Coffee"]]
        assert answers[1] == answers[2] == [["Coffee", "Coffee"], ["Tea", "Tea"]]
        assert marketer.get(known, {"list": "members"}).status_code == 404
        assert staff(program, Role.SUPPORT).get(known, {"list": "categories"}).status_code == 403


class TestCopy:
    def test_is_a_draft_of_the_same_rule_with_a_name_and_key_of_its_own(
        self, marketer: Client, program: Program, base_rule: Campaign
    ):
        response = marketer.post(reverse("admin:rewards_campaign_copy", args=[base_rule.pk]))

        made = Campaign.objects.exclude(pk=base_rule.pk).get()
        assert response.headers["Location"] == reverse("admin:rewards_campaign_change", args=[made.pk])
        assert (made.name, made.key) == ("A point for each euro (copy)", "a-point-for-each-euro-copy")
        assert (made.status, made.draft) == (CampaignStatus.DRAFT, base_rule.draft)
        assert not made.versions.exists()

    def test_of_one_that_ended_says_what_was_published_last(
        self, program: Program, base_rule: Campaign, noon: Any
    ):
        campaigns.end(base_rule, by=None, at=noon)
        Campaign.objects.filter(pk=base_rule.pk).update(draft={"trigger": {}})
        base_rule.refresh_from_db()

        made = making.copy(base_rule)

        assert made.draft == base_rule.versions.get(number=1).definition
        assert made.status == CampaignStatus.DRAFT

    def test_of_a_long_name_fits(self, program: Program):
        made = making.copy(factories.CampaignFactory.create(program=program, name="x" * 100))

        assert len(made.name) == 100
        assert made.name.endswith("x… (copy)")


class TestPermissions:
    @pytest.mark.parametrize("role", list(Role))
    def test_only_those_who_may_make_campaigns_get_in(
        self, program: Program, base_rule: Campaign, role: Role
    ):
        client = staff(program, role)
        copied = reverse("admin:rewards_campaign_copy", args=[base_rule.pk])

        answers = [
            client.get(GALLERY).status_code,
            client.get(address("welcome")).status_code,
            client.post(address("welcome", told=True)).status_code,
            client.post(address("welcome"), {"name": "W", "points": "5"}).status_code,
            client.post(copied).status_code,
        ]

        may = role in (Role.MARKETER, Role.ADMINISTRATOR)
        assert answers == ([200, 200, 200, 302, 302] if may else [403] * 5)
        assert Campaign.objects.count() == (3 if may else 1)

    def test_a_campaign_of_another_program_is_neither_shown_nor_copied(
        self, marketer: Client, points: WalletType
    ):
        foreign = factories.CampaignFactory.create(name="Foreign rule")

        body = marketer.get(GALLERY).content.decode()
        response = marketer.post(reverse("admin:rewards_campaign_copy", args=[foreign.pk]))

        assert "Foreign rule" not in body
        assert response.status_code == 404
        assert Campaign.objects.count() == 1

    def test_nothing_is_copied_by_following_a_link(self, marketer: Client, base_rule: Campaign):
        assert marketer.get(reverse("admin:rewards_campaign_copy", args=[base_rule.pk])).status_code == 405
        assert Campaign.objects.count() == 1
