"""The pages of a campaign's life: who may take which step, and what each page asks of the database."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.core import approvals, clock
from loyalty.core.models import Program, Role, User
from members.models import WalletType
from rewards.admin.campaign.next import STEPS
from rewards.models import Campaign, CampaignStatus, CampaignVersion
from rewards.planning import campaigns, chronicle, reviews
from tests import factories
from tests.clients import browser_of
from tests.rewards.life.conftest import giving, person

pytestmark = pytest.mark.django_db

AT_MOST = 15
# M marketer, S support, F finance, O operator, A administrator.
MAY = {
    "submit": "MA",
    "withdraw": "MA",
    "approve": "FA",
    "reject": "FA",
    "publish": "MA",
    "schedule": "MA",
    "call_off": "MA",
    "pause": "MA",
    "resume": "MA",
    "end": "MA",
    "revert": "MA",
    "redraft": "MA",
    "archive": "MA",
    "unarchive": "MA",
}
LETTERS = {
    Role.MARKETER: "M",
    Role.SUPPORT: "S",
    Role.FINANCE: "F",
    Role.OPERATOR: "O",
    Role.ADMINISTRATOR: "A",
}


def address(name: str, *arguments: Any) -> str:
    return reverse(f"admin:rewards_campaign_{name}", args=arguments)


def take(client: Client, campaign: Campaign, step: str, **data: Any) -> Any:
    return client.post(address("step", campaign.pk, step), data, follow=True)


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


class TestSteps:
    def test_the_table_knows_every_step(self):
        assert set(MAY) == set(STEPS)

    @pytest.mark.parametrize("role", list(LETTERS))
    def test_are_for_those_who_may(self, program: Program, campaign: Campaign, role: Role):
        client = browser_of(person(program, role, "somebody"))

        answers = {step: client.post(address("step", campaign.pk, step)).status_code for step in MAY}

        assert answers == {step: 302 if LETTERS[role] in letters else 403 for step, letters in MAY.items()}

    @pytest.mark.parametrize("step", list(MAY))
    def test_are_taken_by_post_alone_and_in_ones_own_program(
        self, program: Program, campaign: Campaign, step: str
    ):
        elsewhere = factories.ProgramFactory.create()
        foreigner = browser_of(person(elsewhere, Role.ADMINISTRATOR, "eve"))
        own = browser_of(person(program, Role.ADMINISTRATOR, "amina"))

        assert foreigner.post(address("step", campaign.pk, step)).status_code == 404
        assert own.get(address("step", campaign.pk, step)).status_code == 405
        assert Campaign.objects.get(pk=campaign.pk).status == CampaignStatus.DRAFT

    def test_a_life_from_end_to_end(self, strict: Program, campaign: Campaign, marta: User, farid: User):
        marketer, controller = browser_of(marta), browser_of(farid)
        done = [
            (marketer, "submit", {"note": "Please."}, CampaignStatus.IN_REVIEW),
            (controller, "reject", {"note": "Too dear."}, CampaignStatus.DRAFT),
            (marketer, "submit", {}, CampaignStatus.IN_REVIEW),
            (marketer, "withdraw", {}, CampaignStatus.DRAFT),
            (marketer, "submit", {}, CampaignStatus.IN_REVIEW),
            (controller, "approve", {}, CampaignStatus.APPROVED),
            (marketer, "schedule", {"effective_at": "2090-01-01T08:00"}, CampaignStatus.SCHEDULED),
            (marketer, "call_off", {}, CampaignStatus.APPROVED),
            (marketer, "publish", {}, CampaignStatus.RUNNING),
            (marketer, "pause", {}, CampaignStatus.PAUSED),
            (marketer, "resume", {}, CampaignStatus.RUNNING),
            (marketer, "end", {}, CampaignStatus.ENDED),
            (marketer, "archive", {}, CampaignStatus.ARCHIVED),
            (marketer, "unarchive", {}, CampaignStatus.ENDED),
        ]

        for client, step, data, then in done:
            answer = take(client, campaign, step, **data)
            campaign.refresh_from_db()
            assert (step, campaign.status, said(answer)) == (step, then, [str(STEPS[step].done)])

    @pytest.mark.parametrize(
        ("step", "data", "words"),
        [
            ("schedule", {}, "Enter a date and a time."),
            ("schedule", {"effective_at": "2026-02-31T08:00"}, "Enter a date and a time."),
            ("schedule", {"effective_at": "2001-01-01T08:00"}, "Choose a moment that is still to come."),
            ("revert", {}, "Choose a version."),
            ("revert", {"number": "seven"}, "Choose a version."),
            ("redraft", {"number": "7"}, "The campaign has no version 7."),
            ("resume", {}, "“Coffee” is not paused."),
            ("call_off", {}, "Nothing of “Coffee” is still to come."),
            ("approve", {}, "“Coffee” is not in review."),
            ("withdraw", {}, "“Coffee” is not in review."),
            ("unarchive", {}, "“Coffee” is not archived."),
        ],
    )
    def test_that_cannot_be_taken_say_why_and_change_nothing(
        self, program: Program, campaign: Campaign, step: str, data: dict[str, str], words: str
    ):
        client = browser_of(person(program, Role.ADMINISTRATOR, "amina"))

        answer = take(client, campaign, step, **data)

        assert said(answer) == [words]
        campaign.refresh_from_db()
        assert (campaign.status, campaign.versions.count()) == (CampaignStatus.DRAFT, 0)

    def test_a_draft_that_is_not_complete_says_what_is_missing(
        self, program: Program, campaign: Campaign, marta: User
    ):
        Campaign.objects.update(draft={"trigger": {"kind": "sale"}, "effects": []})

        answer = take(browser_of(marta), campaign, "publish")

        assert "The list is empty" in said(answer)[0]
        assert Campaign.objects.get().status == CampaignStatus.DRAFT

    def test_lead_back_to_the_page_that_asked_and_to_no_other_site(
        self, program: Program, campaign: Campaign, marta: User
    ):
        client, back = browser_of(marta), address("versions", campaign.pk)

        inside = client.post(address("step", campaign.pk, "publish"), {"next": back})
        outside = client.post(address("step", campaign.pk, "pause"), {"next": "https://evil.example"})

        assert inside["Location"] == back
        assert outside["Location"] == address("change", campaign.pk)


class TestReverting:
    def test_gives_the_old_points_again_from_now_on(self, program: Program, campaign: Campaign, marta: User):
        now = clock.now(program)
        for points in (10, 20):
            campaigns.publish(campaign, definition=giving(points), by=marta, at=now)

        take(browser_of(marta), campaign, "revert", number="1")

        newest = campaign.versions.order_by("-number")[0]
        assert (newest.number, newest.definition, newest.taken_from) == (3, giving(10), 1)

    def test_makes_a_draft_and_leaves_members_alone(self, program: Program, campaign: Campaign, marta: User):
        now = clock.now(program)
        for points in (10, 20):
            campaigns.publish(campaign, definition=giving(points), by=marta, at=now)

        take(browser_of(marta), campaign, "redraft", number="1")

        campaign.refresh_from_db()
        assert (campaign.draft, campaign.versions.count()) == (giving(10), 2)


class TestVersionsPage:
    def test_compares_the_newest_with_what_it_replaced_in_words(
        self, program: Program, campaign: Campaign, marta: User
    ):
        now = clock.now(program)
        for points in (10, 20):
            campaigns.publish(campaign, definition=giving(points), by=marta, at=now)
        campaigns.pause(campaign, by=marta, at=now)

        page = browser_of(marta).get(address("versions", campaign.pk))

        assert (page.context["left"].key, page.context["right"].key) == ("1", "3")
        (change,) = page.context["changes"]
        assert (change.before, change.after) == ("10 points", "20 points")

    def test_compares_with_a_draft_that_says_something_else(
        self, program: Program, campaign: Campaign, marta: User
    ):
        campaigns.publish(campaign, definition=giving(10), by=marta, at=clock.now(program))
        Campaign.objects.update(draft=giving(30))

        page = browser_of(marta).get(address("versions", campaign.pk))

        assert (page.context["left"].key, page.context["right"].key) == ("1", "draft")

    @pytest.mark.parametrize("query", ["left=1&right=1", "left=99&right=x", "left=&right="])
    def test_takes_any_question(self, program: Program, campaign: Campaign, marta: User, query: str):
        campaigns.publish(campaign, definition=giving(10), by=marta, at=clock.now(program))

        assert browser_of(marta).get(f"{address('versions', campaign.pk)}?{query}").status_code == 200

    def test_of_a_draft_says_that_there_is_none(self, program: Program, campaign: Campaign, marta: User):
        body = browser_of(marta).get(address("versions", campaign.pk)).content.decode()

        assert "Not published yet." in body

    def test_asks_as_little_for_fifty_versions_as_for_two(
        self, program: Program, campaign: Campaign, marta: User
    ):
        client, now = browser_of(marta), clock.now(program)
        queries = []
        for several in (2, 50):
            for number in range(several):
                points = 1_000 * several + number
                campaigns.publish(campaign, definition=giving(points), by=marta, at=now)
            with CaptureQueriesContext(connection) as asked:
                client.get(address("versions", campaign.pk))
            queries.append(len(asked))

        assert queries[0] == queries[1] <= AT_MOST


class TestHistoryPage:
    def test_tells_everything_by_name_newest_first(
        self, strict: Program, campaign: Campaign, marta: User, farid: User
    ):
        now = clock.now(strict)
        asked = reviews.submit(campaign, by=marta, at=now, note="Please.")
        approvals.approve(asked.pk, program=strict, by=farid, at=now + timedelta(seconds=1), note="Fine.")
        campaign = Campaign.objects.select_related("approval").get()
        campaigns.publish(campaign, definition=campaign.draft, by=marta, at=now)
        campaigns.pause(campaign, by=farid, at=now)

        deeds = [(str(deed.by), deed.text, deed.note) for deed in chronicle.of(campaign)]

        assert deeds[:3] == [
            ("farid", "approved it", "Fine."),
            ("farid", "paused it", ""),
            ("marta", "published version 1", ""),
        ]
        assert ("marta", "submitted it for review", "Please.") in deeds
        page = browser_of(marta).get(address("history", campaign.pk)).content.decode()
        assert "Please." in page
        assert "paused it" in page

    def test_tells_the_changes_of_a_sitting_as_one(self, program: Program, campaign: Campaign, marta: User):
        client = browser_of(marta)
        campaigns.publish(campaign, definition=giving(10), by=None, at=clock.now(program))
        for points in (20, 30):
            campaigns.publish(campaign, definition=giving(points), by=None, at=clock.now(program))
        Campaign.objects.update(draft=giving(10))
        for number in ("2", "3"):
            take(client, campaign, "redraft", number=number)

        changes = [deed.changes for deed in chronicle.of(campaign) if deed.by == marta and deed.changes]

        assert [[(each.before, each.after) for each in some] for some in changes] == [
            [("10 points", "30 points")]
        ]


class TestCalendarPage:
    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("view=month&from=2026-06", "June 2026"),
            ("view=quarter&from=2026-06", "April – June 2026"),
            ("view=quarter&from=2025-12", "October – December 2025"),
        ],
    )
    def test_shows_a_month_or_a_quarter(
        self, program: Program, base_rule: Campaign, marta: User, query: str, name: str
    ):
        page = browser_of(marta).get(f"{address('calendar')}?{query}")

        assert page.context["name"] == name
        assert "A point for each euro" in page.content.decode()

    @pytest.mark.parametrize(
        "query", ["from=9999-99", "from=x&view=y&part=z", "from=0000-01&part=999", "part=0"]
    )
    def test_takes_any_question(self, program: Program, base_rule: Campaign, marta: User, query: str):
        assert browser_of(marta).get(f"{address('calendar')}?{query}").status_code == 200

    def test_an_empty_month_says_so(self, program: Program, marta: User):
        body = browser_of(marta).get(f"{address('calendar')}?from=2026-06").content.decode()

        assert "Nothing runs in June 2026" in body

    @pytest.mark.parametrize("role", list(LETTERS))
    def test_is_for_those_who_see_campaigns(self, program: Program, role: Role):
        status = browser_of(person(program, role, "somebody")).get(address("calendar")).status_code

        assert status == (403 if role == Role.OPERATOR else 200)


@pytest.fixture
def two_thousand(program: Program, points: WalletType, noon: datetime) -> None:
    """As many campaigns as nobody ever had, in all states, made past the operations to be quick."""
    several = [
        Campaign(program=program, key=f"c{number}", name=f"Campaign {number}", draft=giving(number + 1))
        for number in range(2_000)
    ]
    Campaign.objects.bulk_create(several, batch_size=500)
    CampaignVersion.objects.bulk_create(
        [
            CampaignVersion(
                program=program, campaign=each, number=number, definition=each.draft, effective_at=noon
            )
            for each in several
            for number in (1, 2)
        ],
        batch_size=500,
    )
    Campaign.objects.update(status="running")


class TestListPage:
    def test_asks_little_of_two_thousand_campaigns(self, program: Program, marta: User, two_thousand: None):
        client = browser_of(marta)
        addresses = [
            address("changelist"),
            f"{address('changelist')}?q=Campaign+17",
            f"{address('changelist')}?state=running",
            f"{address('calendar')}?from=2026-06",
        ]

        for asked in addresses:
            with CaptureQueriesContext(connection) as queries:
                body = client.get(asked).content.decode()

            assert len(queries) <= AT_MOST, asked
            assert "Campaign 1" in body

    def test_shows_who_changed_what_last(self, program: Program, campaign: Campaign, marta: User):
        client = browser_of(marta)
        campaigns.publish(campaign, definition=giving(10), by=None, at=clock.now(program))
        take(client, campaign, "pause")

        body = client.get(address("changelist")).content.decode()

        assert "For every sale: 10 points." in body
        assert "marta" in body

    def test_shows_what_is_spent_of_a_budget(self, program: Program, campaign: Campaign, marta: User):
        limited = {**giving(10), "limits": {"in_all": [{"points": 5_000}]}}
        campaigns.publish(campaign, definition=limited, by=None, at=clock.now(program))

        body = browser_of(marta).get(address("changelist")).content.decode()

        assert "0 of 5,000 points" in body

    def test_hides_the_archive_unless_it_is_asked_for(
        self, program: Program, campaign: Campaign, marta: User, noon: datetime
    ):
        campaigns.archive(campaign, by=marta, at=noon)
        client = browser_of(marta)

        every, archived = (
            client.get(f"{address('changelist')}{query}").content.decode()
            for query in ("", "?state=archived")
        )

        assert "For every sale: 10 points." not in every
        assert "For every sale: 10 points." in archived

    @pytest.mark.parametrize(("asked", "is_found"), [("coff", True), ("offee", True), ("tea", False)])
    def test_finds_by_a_part_of_the_name(
        self, program: Program, campaign: Campaign, marta: User, asked: str, is_found: bool
    ):
        body = browser_of(marta).get(f"{address('changelist')}?q={asked}").content.decode()

        assert ("For every sale: 10 points." in body) == is_found
