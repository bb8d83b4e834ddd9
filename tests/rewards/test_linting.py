"""What is said of a campaign before it is published, each with its place; and nothing of a sound one."""

from time import perf_counter
from typing import Any

import pytest

from loyalty.core.models import Program
from members.models import Member, Segment, TierLadder, WalletType
from rewards.backtests import asking
from rewards.engine import conditions
from rewards.engine.catalogue import SCOPES
from rewards.engine.problems import Place
from rewards.linting import Hint, lint
from rewards.models import Campaign, KnownValue
from rewards.planning import campaigns
from rewards.planning.contradictions import are_disjoint, impossible
from tests import factories
from tests.cast import Shop
from tests.rewards.backtests.conftest import carried_out
from tests.rewards.engine.builders import leaf

PER_EURO = {"kind": "points_per_unit", "points": "1", "per": "1.00"}
TEN = {"kind": "fixed_points", "points": 10}


def tree(raw: Any) -> Any:
    place = Place()
    node = conditions.parse(raw, scope=SCOPES["sale"], place=place)
    assert not place.problems
    return node


def codes(hints: list[Hint]) -> dict[str, str]:
    return {hint.code: hint.pointer for hint in hints if hint.code != "overlaps"}


class TestImpossible:
    @pytest.mark.parametrize(
        ("raw", "place"),
        [
            ([leaf("sale.amount", "gte", "50.00"), leaf("sale.amount", "lt", "50.00")], "all/1"),
            ([leaf("sale.amount", "gt", "50.00"), leaf("sale.amount", "lte", "50.00")], "all/1"),
            ([leaf("sale.amount", "between", ["1.00", "2.00"]), leaf("sale.amount", "eq", "3.00")], "all/1"),
            ([leaf("sale.amount", "lt", "0.00")], "all/0"),
            ([leaf("sale.store", "eq", "a"), leaf("sale.store", "eq", "b")], "all/1"),
            ([leaf("sale.store", "in", ["a", "b"]), leaf("sale.store", "not_in", ["a", "b"])], "all/1"),
            ([leaf("sale.brands", "has_all", ["x"]), leaf("sale.brands", "has_none", ["x", "y"])], "all/1"),
            ([leaf("sale.brands", "has_none", ["x", "y"]), leaf("sale.brands", "has_any", ["x"])], "all/1"),
            ([leaf("member.is_birthday", "eq", True), leaf("member.is_birthday", "eq", False)], "all/1"),
            ([leaf("moment.weekday", "eq", "monday"), leaf("moment.weekday", "eq", "sunday")], "all/1"),
            ([leaf("moment.hour", "gt", 23)], "all/0"),
            ([leaf("moment.date", "gte", "2026-02-01"), leaf("moment.date", "lt", "2026-01-01")], "all/1"),
        ],
    )
    def test_names_the_condition_that_contradicts_another(self, raw: list[Any], place: str):
        assert impossible(tree({"all": raw})) == f"#/conditions/{place}"

    def test_looks_into_groups(self):
        outer = leaf("sale.amount", "gte", "50.00")
        never = {"any": [leaf("sale.amount", "lt", "10.00"), leaf("sale.amount", "lt", "20.00")]}
        sometimes = {"any": [leaf("sale.amount", "lt", "10.00"), leaf("sale.store", "eq", "a")]}

        assert impossible(tree({"all": [outer, never]})) == "#/conditions/all/1"
        assert impossible(tree({"all": [outer, sometimes]})) is None

    @pytest.mark.parametrize(
        "raw",
        [
            [leaf("sale.amount", "gte", "50.00"), leaf("sale.amount", "lte", "50.00")],
            [leaf("sale.store", "in", ["a", "b"]), leaf("sale.store", "ne", "a")],
            [leaf("sale.brands", "has_any", ["x", "y"]), leaf("sale.brands", "has_none", ["x"])],
            [leaf("moment.hour", "gte", 22), leaf("moment.hour", "lte", 23)],
            [leaf("sale.attribute.colour", "eq", "red"), leaf("sale.attribute.size", "gte", "3")],
        ],
    )
    def test_says_nothing_of_what_can_be(self, raw: list[Any]):
        assert impossible(tree({"all": raw})) is None

    def test_facts_over_other_days_are_other_facts(self):
        month = {"fact": "history.purchases", "days": 30, "operator": "gte", "value": 3}
        week = {"fact": "history.purchases", "days": 7, "operator": "lt", "value": 3}

        assert impossible(tree({"all": [month, week]})) is None
        assert impossible(tree({"all": [month, {**week, "days": 30}]})) == "#/conditions/all/1"

    def test_two_campaigns_that_nothing_can_meet_both(self):
        dear, cheap = tree(leaf("sale.amount", "gte", "50.00")), tree(leaf("sale.amount", "lt", "20.00"))

        assert are_disjoint(dear, cheap)
        assert not are_disjoint(dear, tree(leaf("sale.amount", "gte", "20.00")))


@pytest.mark.usefixtures("points", "base_rule")
class TestLint:
    def test_says_nothing_of_a_sound_campaign_but_what_it_meets(self, program: Program):
        limited = factories.definition(TEN, limits={"per_member": [{"times": 1, "per": "day"}]})

        hints = lint(program, limited)

        assert [(h.code, h.severity, h.text) for h in hints] == [
            ("overlaps", "info", "“A point for each euro” may give for the same activity.")
        ]

    def test_says_nothing_of_what_is_not_complete(self, program: Program):
        assert lint(program, {"trigger": {"kind": "sale"}, "effects": []}) == []
        assert lint(program, {}) == []

    def test_its_own_version_in_force_is_no_other_campaign(self, program: Program, base_rule: Campaign):
        assert lint(program, base_rule.versions.get().definition, base_rule) == []

    @pytest.mark.parametrize(
        ("schedule", "code", "pointer"),
        [
            ({"ends_at": "2020-01-01T00:00:00Z"}, "is_over", "#/schedule/ends_at"),
            (
                {
                    "starts_at": "2990-01-01T00:00:00Z", "ends_at": "2990-01-02T00:00:00Z",
                    "year_days": [{"from": "06-01", "until": "06-30"}],
                },
                "never_runs", "#/schedule",
            ),
        ],
    )  # fmt: skip
    def test_a_schedule_that_never_comes(
        self, program: Program, schedule: dict[str, Any], code: str, pointer: str
    ):
        hints = lint(program, factories.definition(TEN, schedule=schedule))

        assert codes(hints) == {code: pointer}
        assert hints[0].severity == "error"

    @pytest.mark.parametrize(
        "schedule",
        [
            {"starts_at": "9999-12-01T00:00:00Z"},
            {"starts_at": "9999-12-31T23:59:59Z"},
            {"starts_at": "9999-12-30T00:00:00Z", "ends_at": "9999-12-31T23:59:59Z"},
            {
                "month_days": [29], "weekdays": ["saturday"],
                "year_days": [{"from": "02-29", "until": "02-29"}],
            },
        ],
    )  # fmt: skip
    def test_a_schedule_that_comes_late_is_no_schedule_that_never_comes(
        self, program: Program, schedule: dict[str, Any]
    ):
        assert codes(lint(program, factories.definition(TEN, schedule=schedule))) == {}

    @pytest.mark.parametrize("kind", ["fixed_points", "points_per_item"])
    def test_points_of_which_a_wallet_soon_holds_no_more(self, program: Program, kind: str):
        hints = lint(program, factories.definition({"kind": kind, "points": 2**53 - 1}))

        assert codes(hints)["too_many_points"] == "#/effects/0/points"

    def test_a_schedule_without_days_is_not_followed_to_the_end_of_the_calendar(self, program: Program):
        never = {"month_days": [31], "year_days": [{"from": "02-01", "until": "02-28"}]}
        schedule = {"ends_at": "9999-12-31T00:00:00Z", **never}

        began = perf_counter()
        hints = lint(program, factories.definition(TEN, schedule=schedule))

        assert codes(hints) == {"never_runs": "#/schedule"}
        assert perf_counter() - began < 10

    def test_conditions_that_contradict_the_schedule_or_the_audience(
        self, program: Program, ladder: TierLadder
    ):
        monday = {"all": [leaf("moment.weekday", "in", ["monday"])]}
        gold = {"all": [leaf("member.tier", "eq", "gold")]}

        by_schedule = lint(
            program, factories.definition(TEN, conditions=monday, schedule={"weekdays": ["sunday"]})
        )
        by_audience = lint(
            program, factories.definition(TEN, conditions=gold, audience={"tiers": ["silver"]})
        )

        assert codes(by_schedule) == {"contradiction": "#/conditions/all/0"}
        assert codes(by_audience) == {"contradiction": "#/conditions/all/0"}

    def test_keys_that_the_program_does_not_have(self, program: Program, ladder: TierLadder):
        Segment.objects.create(program=program, key="regulars", name="Regulars")
        audience = {"segments": ["regulars", "nobody"], "tiers": ["gold", "lead"]}

        hints = lint(program, factories.definition(TEN, audience=audience))

        assert [(h.pointer, h.text) for h in hints if h.code == "unknown_key"] == [
            ("#/audience/tiers/1", "The program has no tier “lead”."),
            ("#/audience/segments/1", "The program has no segment “nobody”."),
        ]

    def test_values_that_no_purchase_has_named(self, program: Program):
        KnownValue.objects.create(program=program, field="category", value="tea", last_seen="2026-01-01")
        bought = {"all": [leaf("sale.categories", "has_any", ["tea", "Tea"])]}

        hints = lint(program, factories.definition(TEN, conditions=bought))

        assert codes(hints) == {"never_seen": "#/conditions/all/0/value/1"}

    def test_does_not_speak_of_values_as_long_as_none_is_known(self, program: Program):
        bought = {"all": [leaf("sale.categories", "has_any", ["tea"])]}

        assert codes(lint(program, factories.definition(TEN, conditions=bought))) == {}

    def test_campaigns_that_no_activity_can_meet_both_do_not_overlap(self, program: Program, noon: Any):
        small = {"all": [leaf("sale.amount", "lt", "5.00")]}
        other = factories.CampaignFactory.create(program=program, key="small", name="Small")
        campaigns.publish(other, definition=factories.definition(TEN, conditions=small), by=None, at=noon)
        program.refresh_from_db()

        large = lint(
            program, factories.definition(TEN, conditions={"all": [leaf("sale.amount", "gte", "5.00")]})
        )
        everything = lint(program, factories.definition(TEN))

        assert sum(hint.code == "overlaps" for hint in large) == 1
        assert sum(hint.code == "overlaps" for hint in everything) == 2

    def test_a_campaign_whose_time_is_over_does_not_overlap(self, program: Program, noon: Any):
        other = factories.CampaignFactory.create(program=program, key="over", name="Over")
        schedule = {"starts_at": "2026-06-01T00:00:00Z", "ends_at": "2026-06-02T00:00:00Z"}
        campaigns.publish(other, definition=factories.definition(TEN, schedule=schedule), by=None, at=noon)
        program.refresh_from_db()

        hints = lint(program, factories.definition(TEN))

        assert [hint.text for hint in hints] == ["“A point for each euro” may give for the same activity."]

    def test_a_group_whose_campaigns_choose_in_different_ways(self, program: Program, noon: Any):
        other = factories.CampaignFactory.create(program=program, key="other", name="Other")
        first = factories.definition(TEN, stacking={"group": "g", "choose": "first"})
        campaigns.publish(other, definition=first, by=None, at=noon)
        program.refresh_from_db()

        hints = lint(program, factories.definition(TEN, stacking={"group": "g", "choose": "best"}))

        assert codes(hints) == {"group_chooses_differently": "#/stacking/choose"}
        told = next(hint for hint in hints if hint.text.startswith("“Other” may"))
        assert told.advice == "They are of one group: the one that gives more points gives."

    def test_a_multiplier_with_nothing_to_multiply(self, program: Program, base_rule: Campaign):
        double = {"kind": "multiplier", "factor": "2"}
        event = {"trigger": {"kind": "event", "event_type": "app.login"}}

        assert codes(lint(program, factories.definition(double))) == {}
        assert codes(lint(program, factories.definition(double) | event)) == {
            "multiplies_nothing": "#/effects/0"
        }
        assert codes(lint(program, factories.definition(double | {"of": ["gone"]}))) == {
            "multiplies_what_does_not_run": "#/effects/0/of"
        }

    @pytest.mark.parametrize(
        ("effect", "severity"),
        [
            ({**PER_EURO, "points": "18"}, None),  # 19 % with the base rule
            ({**PER_EURO, "points": "20"}, "warning"),
            ({"kind": "multiplier", "factor": "20"}, None),
            ({"kind": "multiplier", "factor": "21"}, "warning"),
            ({"kind": "multiplier", "factor": "100"}, "error"),
        ],
    )
    def test_what_gives_back_more_than_it_should(
        self, program: Program, effect: dict[str, Any], severity: str | None
    ):
        hints = lint(program, factories.definition(effect))

        found = {hint.severity for hint in hints if hint.code == "gives_back_too_much"}
        assert found == ({severity} if severity else set())

    def test_a_generous_award_for_a_small_sale(self, program: Program):
        two_euros = {"kind": "fixed_points", "points": 200, "pending": {"days": 14}}
        of_ten = {"all": [leaf("sale.amount", "gte", "10.00")]}
        of_nine = {"all": [leaf("sale.amount", "gte", "9.00")]}

        assert codes(lint(program, factories.definition(two_euros, conditions=of_ten))) == {}
        assert codes(lint(program, factories.definition(two_euros, conditions=of_nine))) == {
            "small_sale_big_award": "#/effects/0/points"
        }

    def test_points_that_can_be_spent_before_the_goods_come_back(self, program: Program):
        of_hundred = {"all": [leaf("sale.amount", "gte", "100.00")]}
        award = {"kind": "fixed_points", "points": 200}

        hints = lint(program, factories.definition(award, conditions=of_hundred))

        assert codes(hints) == {"spent_before_returned": "#/effects/0/pending"}

    def test_an_event_that_earns_without_limit(self, program: Program):
        login = factories.definition(TEN) | {"trigger": {"kind": "event", "event_type": "app.login"}}
        once_a_day = login | {"limits": {"per_member": [{"times": 1, "per": "day"}]}}

        assert codes(lint(program, login)) == {"no_limit": "#/limits"}
        assert codes(lint(program, once_a_day)) == {}

    @pytest.mark.parametrize(
        ("dates", "is_told"),
        [
            ({"pending": {"days": 30}, "expiry": {"rule": "days", "number": 30}}, True),
            ({"pending": {"days": 30}, "expiry": {"rule": "days", "number": 31}}, False),
            ({"expiry": {"rule": "fixed_date", "date": "2020-12-31"}}, True),
            (
                {"pending": {"until": "2990-02-01"}, "expiry": {"rule": "fixed_date", "date": "2990-01-01"}},
                True,
            ),
        ],
    )
    def test_points_that_expire_before_they_unlock(
        self, program: Program, dates: dict[str, Any], is_told: bool
    ):
        hints = lint(program, factories.definition({**TEN, **dates}))

        expected = {"expires_before_it_unlocks": "#/effects/0/expiry"} if is_told else {}
        assert codes(hints) == expected

    def test_a_budget_that_the_last_backtest_saw_end(self, program: Program, ada: Member, shop: Shop):
        campaign = factories.CampaignFactory.create(program=program, key="fifty")
        short = factories.definition(TEN, limits={"in_all": [{"points": 15}]})
        shop.sells("r1", "10.00")
        shop.later(days=2).sells("r2", "10.00")
        shop.later(days=60).sells("r3", "10.00")

        assert "budget_gone_soon" not in codes(lint(program, short, campaign))
        asked, _ = asking.ask(campaign, definition=short, actor="staff:1")
        carried_out(asked)
        hints = lint(program, short, campaign)

        (hint,) = (hint for hint in hints if hint.code == "budget_gone_soon")
        assert (hint.pointer, hint.severity) == ("#/limits/in_all", "warning")
        assert hint.text == "By the last backtest, its budget lasts for 3 days."

    def test_points_at_the_effect_of_a_variant(self, program: Program, points: WalletType):
        double = {"kind": "multiplier", "wallet_type": "points", "factor": "2", "of": ["gone"]}
        plain = {"wallet_type": "points", **TEN}
        variants = [
            {"key": "a", "name": "A", "percent": 50, "effects": [plain]},
            {"key": "b", "name": "B", "percent": 50, "effects": [plain, double]},
        ]

        hints = lint(program, {"trigger": {"kind": "sale"}, "audience": {"variants": variants}})

        assert codes(hints) == {"multiplies_what_does_not_run": "#/audience/variants/1/effects/1/of"}

    def test_asks_little(self, program: Program, django_assert_max_num_queries: Any, ladder: TierLadder):
        conditions = {"all": [leaf("sale.categories", "has_any", ["tea"]), leaf("member.tier", "eq", "gold")]}
        definition = factories.definition(TEN, conditions=conditions, limits={"in_all": [{"points": 15}]})
        lint(program, definition)

        with django_assert_max_num_queries(8):
            lint(program, definition)
