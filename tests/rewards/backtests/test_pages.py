"""The pages that say what a draft would do: who may ask, what is shown in each state, nothing of others."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.core.models import Program, Role
from members.models import Entry, Member
from rewards import tasks
from rewards.backtests import asking
from rewards.models import Activity, Backtest, BacktestStatus, Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line
from tests.clients import staff
from tests.rewards.backtests.conftest import FIFTY_FOR_TEN, carried_out

pytestmark = pytest.mark.usefixtures("ada")
PERIOD = {"first": "2026-06-01", "last": "2026-06-03"}


@pytest.fixture
def marketer(program: Program) -> Client:
    return staff(program, Role.MARKETER)


@pytest.fixture(autouse=True)
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the backtests that workers were told of; none is there to take them up."""
    ids: list[str] = []
    monkeypatch.setattr(tasks.run_backtest, "delay", lambda *, backtest_id: ids.append(backtest_id))
    return ids


def address(campaign: Campaign, name: str = "backtest", *more: Any) -> str:
    return reverse(f"admin:rewards_campaign_{name}", args=[campaign.pk, *more])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


class TestBacktestPage:
    def test_asks_and_shows_what_came_of_it(
        self, marketer: Client, draft: Campaign, a_week_of_sales: Callable[[], None], asked_for: list[str]
    ):
        a_week_of_sales()

        answer = marketer.post(address(draft), PERIOD)

        backtest = Backtest.objects.get()
        assert asked_for == [str(backtest.pk)]
        assert answer.headers["Location"] == address(draft, "backtest_result", backtest.pk)
        tasks.run_backtest(backtest_id=str(backtest.pk))
        page = text_of(marketer.get(address(draft)))
        assert "cost EUR 1.50" in page
        assert (
            "Met with all that happened from 1 Jun 2026 to 3 Jun 2026: 4 sales and events of 1 members"
            in page
        )
        assert "Ada Lovelace" in page

    def test_says_what_the_days_were_and_that_there_are_none_yet(self, marketer: Client, draft: Campaign):
        assert "There are none in this program yet" in text_of(marketer.get(address(draft)))

    def test_offers_the_last_twelve_months_of_what_there_is(
        self, marketer: Client, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()

        page = text_of(marketer.get(address(draft)))

        assert 'value="2026-06-01"' in page
        assert 'value="2026-06-03"' in page

    def test_says_at_the_field_what_is_wrong_with_the_period(
        self, marketer: Client, draft: Campaign, a_week_of_sales: Callable[[], None], asked_for: list[str]
    ):
        a_week_of_sales()

        page = text_of(marketer.post(address(draft), {"first": "2026-06-03", "last": "2026-06-01"}))

        assert "The last day comes before the first one." in page
        assert asked_for == []

    def test_sends_who_has_an_incomplete_draft_to_complete_it(
        self, marketer: Client, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        draft.draft = {"trigger": {"kind": "sale"}, "effects": []}
        draft.save()

        page = text_of(marketer.get(address(draft)))

        assert "The draft is not complete yet" in page
        assert "Backtest the draft" not in page

    def test_follows_it_and_then_has_the_page_loaded_anew(
        self, marketer: Client, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        progress = address(draft, "backtest_progress", backtest.pk)

        waiting = marketer.get(progress)
        carried_out(backtest)
        done = marketer.get(progress)

        assert "waits for its turn" in text_of(waiting)
        assert "HX-Redirect" not in waiting.headers
        assert done.headers["HX-Redirect"] == address(draft, "backtest_result", backtest.pk)

    def test_cancels(self, marketer: Client, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()
        backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")

        page = text_of(marketer.post(address(draft, "backtest_cancel", backtest.pk), follow=True))

        assert "The backtest was cancelled" in page
        assert marketer.get(address(draft, "backtest_cancel", backtest.pk)).status_code == 405

    def test_says_why_it_failed(self, marketer: Client, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()
        backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        Backtest.objects.update(
            status=BacktestStatus.FAILED, finished_at=backtest.asked_at, problem="DataError: no more disk"
        )

        assert "DataError: no more disk" in text_of(marketer.get(address(draft)))

    def test_gives_the_days_as_csv(
        self, marketer: Client, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        csv = address(draft, "backtest_days", backtest.pk)
        assert marketer.get(csv).status_code == 404

        carried_out(backtest)
        rows = b"".join(marketer.get(csv).streaming_content).decode().splitlines()  # type: ignore[attr-defined]

        assert rows[1:] == [
            "2026-06-01,3,2,100,1.00,40,0.40,140,1.40,EUR",
            "2026-06-03,1,1,50,0.50,10,0.10,60,0.60,EUR",
        ]

    def test_shows_the_impact_of_a_change_beside_the_draft(
        self, program: Program, marketer: Client, draft: Campaign, shop: Shop
    ):
        campaigns.publish(draft, definition=FIFTY_FOR_TEN, by=None, at=shop.at)
        program.refresh_from_db()
        shop.later(hours=1).sells("r1", "10.00")
        draft.refresh_from_db()
        draft.draft = factories.definition({"kind": "fixed_points", "points": 70})
        draft.save()
        backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        carried_out(backtest)

        result = text_of(marketer.get(address(draft)))
        edited = text_of(marketer.get(address(draft, "change")))

        assert "version 1, in force when this was asked for, against the definition tried" in result
        assert "<strong>20 points</strong> (EUR 0.20): 1 members gain, 0 lose." in edited

    def test_asks_few_queries(
        self,
        marketer: Client,
        draft: Campaign,
        a_week_of_sales: Callable[[], None],
        django_assert_max_num_queries: Any,
    ):
        a_week_of_sales()
        backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        carried_out(backtest)
        marketer.get(address(draft))

        with django_assert_max_num_queries(15):
            marketer.get(address(draft))


class TestWhoMay:
    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.FINANCE])
    def test_look_but_not_ask(
        self, program: Program, draft: Campaign, a_week_of_sales: Callable[[], None], role: Role
    ):
        a_week_of_sales()
        backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        client = staff(program, role)

        assert client.get(address(draft)).status_code == 200
        assert client.post(address(draft), PERIOD).status_code == 403
        assert client.post(address(draft, "backtest_cancel", backtest.pk)).status_code == 403
        assert Backtest.objects.get().status == BacktestStatus.WAITING

    def test_operators_see_nothing_of_it(self, program: Program, draft: Campaign):
        operator = staff(program, Role.OPERATOR)

        for name in ("backtest", "tryout", "tryout_verdicts"):
            assert operator.get(address(draft, name)).status_code in (403, 404)

    def test_another_program_s_are_not_found(self, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()
        backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        carried_out(backtest)
        elsewhere = factories.ProgramFactory.create(key="elsewhere")
        own = factories.CampaignFactory.create(program=elsewhere, key="own", draft=FIFTY_FOR_TEN)
        stranger = staff(elsewhere, Role.MARKETER)
        sale = Activity.objects.first()
        assert sale is not None

        for name in ("backtest", "tryout"):
            assert stranger.get(address(draft, name)).status_code == 404
        for name in ("backtest_result", "backtest_days", "backtest_progress"):
            assert stranger.get(address(draft, name, backtest.pk)).status_code == 404
        assert stranger.get(address(own, "backtest_result", backtest.pk)).status_code == 404
        assert stranger.get(address(own, "tryout"), {"activity": str(sale.pk)}).status_code == 404
        assert sale.external_id not in text_of(stranger.get(address(own, "tryout"), {"q": "1001"}))


MADE_UP = {
    "kind": "sale", "amount": "9.00", "moment": "2026-06-06T12:00", "who": "made_up",
    "lines-TOTAL_FORMS": "0", "lines-INITIAL_FORMS": "0",
}  # fmt: skip


@pytest.mark.usefixtures("base_rule")
class TestTryOut:
    def says(self, client: Client, campaign: Campaign, **changes: Any) -> str:
        return text_of(client.post(address(campaign, "tryout_verdicts"), MADE_UP | changes))

    def test_says_what_each_campaign_gives_or_lacks(self, marketer: Client, draft: Campaign):
        said = self.says(marketer, draft)

        assert "€1.00 short of €10.00" in said
        assert "gave 9 points: 1 point per €1.00 of €9.00" in said
        assert said.index("Fifty for ten euros") < said.index("A point for each euro")

    def test_says_what_the_draft_would_give(self, marketer: Client, draft: Campaign):
        said = self.says(marketer, draft, amount="10.00")

        assert "60 <small>Points</small>" in said

    def test_lines_make_up_the_amount_if_none_is_said(self, marketer: Client, draft: Campaign):
        lines = {
            "lines-TOTAL_FORMS": "2", "lines-0-sku": "tea", "lines-0-amount": "4.00",
            "lines-1-sku": "mug", "lines-1-amount": "7.00", "lines-1-quantity": "2",
        }  # fmt: skip

        assert "61 <small>Points</small>" in self.says(marketer, draft, amount="", **lines)

    def test_a_member_as_they_are_now_with_what_limits_have_left_them(
        self, program: Program, marketer: Client, draft: Campaign, shop: Shop
    ):
        once = FIFTY_FOR_TEN | {"limits": {"per_member": [{"times": 1, "per": "ever"}]}}
        campaigns.publish(draft, definition=once, by=None, at=shop.at)
        program.refresh_from_db()
        shop.later(hours=1).sells("r1", "10.00")

        said = self.says(marketer, draft, amount="20.00", who="member", member="1001")
        somebody = self.says(marketer, draft, amount="20.00")

        assert "Ada Lovelace would get" in said
        assert "20 <small>Points</small>" in said
        assert "70 <small>Points</small>" in somebody

    def test_asks_history_and_tier_of_who_is_made_up(
        self, program: Program, marketer: Client, draft: Campaign, ladder: Any
    ):
        draft.draft = FIFTY_FOR_TEN | {
            "audience": {"tiers": ["gold"]},
            "conditions": {"all": [{"fact": "history.purchases", "days": 30, "operator": "gte", "value": 3}]},
        }
        draft.save()

        assert "50 points: 50 points" in self.says(marketer, draft, tier="gold", purchases="3")
        assert "1 short of 3" in self.says(marketer, draft, tier="gold", purchases="2")
        assert "needs tier Gold" in self.says(marketer, draft, purchases="3")

    def test_tries_occasions_and_events(self, marketer: Client, draft: Campaign):
        draft.draft = {"trigger": {"kind": "birthday"}, "effects": FIFTY_FOR_TEN["effects"]}
        draft.save()

        assert "50 points: 50 points" in self.says(marketer, draft, kind="birthday")
        assert "50 points: 50 points" not in self.says(marketer, draft, kind="event", event_type="app.login")

    def test_a_real_sale_fills_in_the_form_and_is_judged(self, marketer: Client, draft: Campaign, shop: Shop):
        shop.sells("r1", "12.00", store="mitte", lines=(line("1", "12.00", category="tea"),))
        sale = Activity.objects.get()

        found = text_of(marketer.get(address(draft, "tryout"), {"q": "r1"}))
        page = text_of(marketer.get(address(draft, "tryout"), {"activity": str(sale.pk)}))

        assert f"?activity={sale.pk}" in found
        assert 'value="mitte"' in page
        assert "62 <small>Points</small>" in page

    def test_finds_the_last_sales_of_a_member(self, marketer: Client, draft: Campaign, shop: Shop):
        shop.sells("r1", "12.00")

        assert ">r1</a>" in text_of(marketer.get(address(draft, "tryout"), {"q": "1001"}))
        assert "No sale is found by that" in text_of(marketer.get(address(draft, "tryout"), {"q": "nobody"}))

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"moment": "soon"}, "When: Enter a valid date/time."),
            ({"amount": "-1"}, "Amount: Ensure this value is greater than or equal to 0."),
            ({"kind": "event"}, "Event type: Say which type of event, such as app.login."),
            ({"who": "member"}, "Card, e-mail, phone, outside id or name: Say who, or make somebody up."),
            ({"who": "member", "member": "nobody"}, "Nobody is found by that."),
            ({"attributes": "colour"}, "Write each one as name = value: “colour”."),
            ({"lines-TOTAL_FORMS": "1", "lines-0-amount": "x"}, "Line 1, Amount: Enter a number."),
            ({"activity": "x"}, None),
        ],
    )
    def test_says_what_it_cannot_read(
        self, marketer: Client, draft: Campaign, changes: dict[str, str], said: str | None
    ):
        answer = marketer.post(address(draft, "tryout_verdicts"), MADE_UP | changes)

        assert answer.status_code == (404 if said is None else 200)
        assert said is None or said in text_of(answer)

    def test_judges_what_runs_as_long_as_the_draft_cannot(self, marketer: Client, draft: Campaign):
        draft.draft = {"trigger": {"kind": "sale"}}
        draft.save()

        said = self.says(marketer, draft)

        assert "The draft is not complete, so only what runs now is judged" in said
        assert "9 <small>Points</small>" in said

    def test_writes_nothing(self, marketer: Client, draft: Campaign, django_assert_max_num_queries: Any):
        self.says(marketer, draft, who="member", member="1001")

        with django_assert_max_num_queries(20) as captured:
            self.says(marketer, draft, who="member", member="1001")

        written = [q["sql"] for q in captured if q["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
        assert written == []
        assert not Entry.objects.exists()
        assert not Activity.objects.exists()

    def test_an_unknown_campaign_is_not_found(self, marketer: Client, draft: Campaign):
        draft.pk = uuid4()

        assert marketer.get(address(draft, "tryout")).status_code == 404


def test_members_are_not_named_to_who_may_not_see_them(
    program: Program, draft: Campaign, a_week_of_sales: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_week_of_sales()
    backtest, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
    carried_out(backtest)
    client = staff(program, Role.MARKETER)
    from loyalty.core import roles

    without = roles.PERMISSIONS[Role.MARKETER] - {"members.view_member"}
    monkeypatch.setitem(roles.PERMISSIONS, Role.MARKETER, without)

    page = text_of(client.get(address(draft)))

    assert "Ada" not in page
    assert Member.objects.filter(first_name="Ada").exists()
