"""What the builder asks the server: who may, what is answered, and that it stays in the program."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from loyalty.core.models import Program, Role, User
from members.models import AttributeType, Member, Segment, SegmentMember, TierLadder, WalletType
from rewards.models import Campaign, KnownField, KnownValue
from rewards.planning import drafts
from tests import factories
from tests.clients import staff

RULE = factories.definition({"kind": "fixed_points", "points": 5})
MAY = {Role.MARKETER: 200, Role.SUPPORT: 200, Role.FINANCE: 200, Role.OPERATOR: 403, Role.ADMINISTRATOR: 200}
MAY_CHANGE = {role: 200 if role in (Role.MARKETER, Role.ADMINISTRATOR) else 403 for role in Role}


def post(client: Client, name: str, body: Any, *args: object, query: str = "") -> Any:
    address = reverse(f"admin:rewards_campaign_{name}", args=args) + query
    return client.post(address, json.dumps(body), content_type="application/json")


@pytest.fixture
def marketer(program: Program) -> Client:
    return staff(program, Role.MARKETER)


@pytest.fixture
def campaign(program: Program, points: WalletType) -> Campaign:
    return factories.CampaignFactory.create(program=program, key="coffee", name="Coffee", draft=RULE)


@pytest.fixture
def foreign(program: Program) -> Program:
    """Another program, with a store, a segment and a campaign that nobody here may see."""
    other = factories.ProgramFactory.create(key="tea")
    KnownValue.objects.create(
        program=other, field=KnownField.STORE, value="tea-house", last_seen=factories.NOON.date()
    )
    Segment.objects.create(program=other, key="tea-lovers", name="Tea lovers")
    factories.CampaignFactory.create(program=other, key="tea-time", name="Tea time")
    return other


class TestPermissions:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("name", ["check", "outlook"])
    def test_who_sees_campaigns_may_ask_what_a_rule_says_and_reaches(
        self, program: Program, points: WalletType, role: Role, name: str
    ):
        assert post(staff(program, role), name, {"definition": RULE}).status_code == MAY[role]

    @pytest.mark.parametrize("role", list(Role))
    def test_who_sees_campaigns_may_search_what_they_choose_from(self, program: Program, role: Role):
        address = reverse("admin:rewards_campaign_choices", args=["stores"])

        assert staff(program, role).get(address).status_code == MAY[role]

    @pytest.mark.parametrize("role", list(Role))
    def test_who_changes_campaigns_may_save_drafts(self, program: Program, campaign: Campaign, role: Role):
        body = {"name": "Changed", "definition": {}, "revision": drafts.revision(campaign)}

        answers = [
            post(staff(program, role), "autosave", body, campaign.pk).status_code,
            Campaign.objects.get().name == "Changed",
        ]

        # Who does not see campaigns is not even told that there is one.
        refused = 404 if role == Role.OPERATOR else 403
        assert answers == ([200, True] if MAY_CHANGE[role] == 200 else [refused, False])

    @pytest.mark.parametrize("role", list(Role))
    def test_who_adds_campaigns_may_begin_one(self, program: Program, points: WalletType, role: Role):
        body = {"name": "Begun", "definition": RULE, "revision": ""}

        assert post(staff(program, role), "autosave_new", body).status_code == MAY_CHANGE[role]
        assert Campaign.objects.filter(name="Begun").exists() == (MAY_CHANGE[role] == 200)

    @pytest.mark.parametrize("name", ["check", "outlook", "autosave_new"])
    def test_nobody_gets_anything_without_logging_in(self, program: Program, name: str):
        assert post(Client(), name, {"definition": RULE, "name": "Nobody's"}).status_code == 302
        assert not Campaign.objects.exists()

    def test_a_campaign_of_another_program_is_not_there(
        self, marketer: Client, foreign: Program, points: WalletType
    ):
        theirs = Campaign.objects.get(key="tea-time")
        body = {"name": "Mine now", "definition": {}, "revision": drafts.revision(theirs)}

        answer = post(marketer, "autosave", body, theirs.pk)

        theirs.refresh_from_db()
        assert (answer.status_code, theirs.name) == (404, "Tea time")


class TestCheck:
    def test_says_the_rule_in_words_and_what_it_lacks_at_which_field(
        self, marketer: Client, points: WalletType
    ):
        lacking = {**RULE, "conditions": {"all": [{"fact": "sale.amount", "operator": "gte"}]}}

        whole = post(marketer, "check", {"definition": RULE}).json()
        incomplete = post(marketer, "check", {"definition": lacking}).json()

        assert (whole["sentence"], whole["problems"]) == ("For every sale: 5 points.", [])
        assert incomplete["sentence"] == ""
        assert incomplete["problems"] == [{"pointer": "#/conditions/all/0/value", "text": "Enter an amount."}]

    @pytest.mark.parametrize("definition", [None, 5, [], "text", {"trigger": 7}, {"effects": {"a": 1}}])
    def test_finds_fault_with_anything_that_is_no_rule(
        self, marketer: Client, points: WalletType, definition: Any
    ):
        answer = post(marketer, "check", {"definition": definition})

        assert answer.status_code == 200
        assert answer.json()["problems"]

    @pytest.mark.parametrize("body", ["", "[", "[]", "5"])
    def test_refuses_what_is_no_object(self, marketer: Client, body: str):
        address = reverse("admin:rewards_campaign_check")

        assert marketer.post(address, body, content_type="application/json").status_code == 400

    def test_reads_a_tree_over_members_alone(self, marketer: Client):
        tree = {"all": [{"fact": "sale.amount", "operator": "gte", "value": "5"}]}

        answer = post(marketer, "check", {"definition": {"conditions": tree}}, query="?scope=member").json()

        assert [problem["pointer"] for problem in answer["problems"]] == ["#/conditions/all/0/fact"]

    def test_asks_the_database_for_kinds_of_points_alone(
        self, marketer: Client, points: WalletType, django_assert_max_num_queries: DjangoAssertNumQueries
    ):
        with django_assert_max_num_queries(6):
            post(marketer, "check", {"definition": RULE})


class TestOutlook:
    def test_counts_the_audience_and_what_is_asked_of_members_alone(
        self, marketer: Client, program: Program, ladder: TierLadder, ada: Member
    ):
        factories.MemberFactory.create(program=program)
        segment = Segment.objects.create(program=program, key="friends", name="Friends", kind="list")
        SegmentMember.objects.create(program=program, segment=segment, member=ada, since=factories.NOON)
        narrowed = {**RULE, "audience": {"segments": ["friends"]}}

        everyone = post(marketer, "outlook", {"definition": RULE}).json()
        some = post(marketer, "outlook", {"definition": narrowed}).json()

        assert everyone["audience"] == {"count": 2, "of": 2}
        assert some["audience"] == {"count": 1, "of": 2}

    def test_says_nothing_of_an_audience_that_cannot_be_read(self, marketer: Client, points: WalletType):
        answer = post(marketer, "outlook", {"definition": {**RULE, "audience": {"segments": [5]}}})

        assert answer.json() == {"audience": None, "hints": []}

    def test_says_what_to_think_of_and_where(self, marketer: Client, points: WalletType):
        over = {**RULE, "schedule": {"ends_at": "2020-01-01T00:00:00+00:00"}}

        (hint,) = [
            hint
            for hint in post(marketer, "outlook", {"definition": over}).json()["hints"]
            if hint["severity"] == "error"
        ]

        assert hint["pointer"] == "#/schedule/ends_at"
        assert hint["text"] == "Its time is over: it would never give anything."


class TestChoices:
    def test_finds_values_of_the_program_and_of_no_other(
        self, marketer: Client, program: Program, foreign: Program
    ):
        KnownValue.objects.create(
            program=program, field=KnownField.STORE, value="market", last_seen=factories.NOON.date()
        )
        Segment.objects.create(program=program, key="regulars", name="Regulars")

        found = {
            name: marketer.get(reverse("admin:rewards_campaign_choices", args=[name])).json()["choices"]
            for name in ("stores", "segments", "campaigns")
        }

        assert found == {
            "stores": [{"value": "market", "label": "market"}],
            "segments": [{"value": "regulars", "label": "Regulars"}],
            "campaigns": [],
        }

    def test_searches_names_and_keys(self, marketer: Client, program: Program, points: WalletType):
        for key, name in (("latte", "Milk week"), ("tea", "Tea time"), ("milk-2", "More of it")):
            factories.CampaignFactory.create(program=program, key=key, name=name)

        answer = marketer.get(reverse("admin:rewards_campaign_choices", args=["campaigns"]), {"q": "MILK"})

        assert [choice["value"] for choice in answer.json()["choices"]] == ["latte", "milk-2"]

    def test_there_are_no_other_lists(self, marketer: Client):
        assert marketer.get(reverse("admin:rewards_campaign_choices", args=["users"])).status_code == 404


class TestAutosave:
    def test_keeps_the_draft_and_says_when_and_as_which_revision(self, marketer: Client, campaign: Campaign):
        changed = {**RULE, "effects": []}
        body = {"name": "Coffee", "definition": changed, "revision": drafts.revision(campaign)}

        answer = post(marketer, "autosave", body, campaign.pk)

        campaign.refresh_from_db()
        assert campaign.draft == changed
        assert answer.json()["revision"] == drafts.revision(campaign)
        assert len(answer.json()["saved_at"]) == 5

    def test_shows_who_was_faster_and_what_they_made_of_it(
        self, marketer: Client, program: Program, campaign: Campaign
    ):
        begun = drafts.revision(campaign)
        colleague = staff(program, Role.ADMINISTRATOR)
        theirs = {**RULE, "effects": [{"kind": "fixed_points", "wallet_type": "points", "points": 9}]}
        post(colleague, "autosave", {"name": "Theirs", "definition": theirs, "revision": begun}, campaign.pk)

        answer = post(
            marketer, "autosave", {"name": "Mine", "definition": {}, "revision": begun}, campaign.pk
        )

        told = answer.json()["theirs"]
        campaign.refresh_from_db()
        assert (answer.status_code, campaign.name, campaign.draft) == (409, "Theirs", theirs)
        assert told["by"] == str(User.objects.get(email="administrator@coffee.example.org"))
        assert (told["definition"], told["sentence"]) == (theirs, "For every sale: 9 points.")
        assert told["revision"] == drafts.revision(campaign)

    def test_a_new_campaign_gets_its_key_from_its_name(self, marketer: Client, points: WalletType):
        answer = post(marketer, "autosave_new", {"name": "Milk week", "definition": RULE, "revision": ""})

        campaign = Campaign.objects.get()
        assert (campaign.key, campaign.draft) == ("milk-week", RULE)
        assert answer.json()["change_url"] == reverse("admin:rewards_campaign_change", args=[campaign.pk])

    @pytest.mark.parametrize("body", [{}, {"definition": RULE}, {"name": "No rule"}, {"name": "x" * 101}])
    def test_says_why_it_keeps_nothing(self, marketer: Client, points: WalletType, body: dict[str, Any]):
        answer = post(marketer, "autosave_new", body)

        assert (answer.status_code, Campaign.objects.exists()) == (422, False)
        assert answer.json()["detail"]


class TestPage:
    def test_a_stale_page_is_not_saved_and_offers_a_choice(self, marketer: Client, campaign: Campaign):
        begun = drafts.revision(campaign)
        Campaign.objects.update(name="Theirs")
        form = {"name": "Mine", "description": "", "definition": json.dumps(RULE), "revision": begun}

        response = marketer.post(reverse("admin:rewards_campaign_change", args=[campaign.pk]), form)

        campaign.refresh_from_db()
        assert campaign.name == "Theirs"
        assert response.context["builder"]["theirs"]["name"] == "Theirs"
        assert response.context["builder"]["revision"] == begun

    def test_brings_the_names_of_values_that_the_rule_uses(
        self, marketer: Client, program: Program, campaign: Campaign
    ):
        Segment.objects.create(program=program, key="regulars", name="Our regulars")
        campaign.draft = {**RULE, "audience": {"segments": ["regulars", "gone"]}}
        campaign.save()

        response = marketer.get(reverse("admin:rewards_campaign_change", args=[campaign.pk]))

        assert response.context["builder"]["vocabulary"]["labels"] == {
            "segments": {"regulars": "Our regulars"}
        }

    def test_offers_declared_attributes_as_facts_of_their_type(
        self, marketer: Client, program: Program, campaign: Campaign
    ):
        AttributeType.objects.create(program=program, name="shoe_size", label="Shoe size", type="number")

        response = marketer.get(reverse("admin:rewards_campaign_change", args=[campaign.pk]))

        told = {fact["key"]: fact for fact in response.context["builder"]["vocabulary"]["facts"]}
        fact = told["member.attribute.shoe_size"]
        assert (fact["label"], fact["type"], fact["declared"]) == ("Shoe size", "decimal", "number")

    def test_takes_few_queries(
        self,
        marketer: Client,
        campaign: Campaign,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ):
        address = reverse("admin:rewards_campaign_change", args=[campaign.pk])
        marketer.get(address)

        with django_assert_max_num_queries(15):
            marketer.get(address)


class TestOddRules:
    @pytest.mark.parametrize("name", ["check", "outlook"])
    @pytest.mark.parametrize(
        "odd",
        [
            {"effects": 1},
            {"effects": [1]},
            {"effects": {"kind": []}},
            {"audience": 1},
            {"audience": ["everyone"]},
            {"audience": {"variants": [{"key": [], "effects": [1]}, "b"]}},
        ],
    )
    def test_what_has_another_shape_is_said_to_be_wrong(self, marketer: Client, name: str, odd: Any):
        answer = post(marketer, name, {"definition": RULE | odd})

        assert answer.status_code == 200
        assert name == "outlook" or answer.json()["problems"]

    @pytest.mark.parametrize("name", ["check", "outlook"])
    @pytest.mark.parametrize(
        "body",
        [
            '{"definition": ' + "[" * 100_000 + "]" * 100_000 + "}",
            '{"definition": {"trigger": {"kind": "\\u0000"}}}',
            '{"definition": {"trigger": {"kind": "\\ud800"}}}',
            '{"definition": {"trigger": {"kind": NaN}}}',
            '{"definition": {}, "campaign": "\\u0000"}',
        ],
        ids=["deep", "nul", "half a pair", "no number", "key with nul"],
    )
    def test_what_is_no_json_that_can_be_kept_is_refused(self, marketer: Client, name: str, body: str):
        address = reverse(f"admin:rewards_campaign_{name}")

        assert marketer.post(address, body, content_type="application/json").status_code == 400

    def test_no_draft_is_kept_that_cannot_be_stored(self, marketer: Client, campaign: Campaign):
        body = '{"name": "Coffee", "revision": "%s", "definition": {"trigger": {"kind": "\\u0000"}}}'
        address = reverse("admin:rewards_campaign_autosave", args=[campaign.pk])

        answer = marketer.post(address, body % drafts.revision(campaign), content_type="application/json")

        assert answer.status_code == 422
        assert Campaign.objects.get().draft == RULE

    @pytest.mark.parametrize("odd", [{"effects": [1]}, {"effects": [{"points": 10**30}]}, {"audience": "x"}])
    def test_the_page_opens_whatever_was_kept(self, marketer: Client, campaign: Campaign, odd: Any):
        body = {"name": "Coffee", "definition": RULE | odd, "revision": drafts.revision(campaign)}

        kept = post(marketer, "autosave", body, campaign.pk)
        page = marketer.get(reverse("admin:rewards_campaign_change", args=[campaign.pk]))

        assert (kept.status_code, page.status_code) == (200, 200)
