"""Each recipe, worked out: what it gives for made-up facts, to the point, and where it gives nothing."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import pytest
from msgspec.structs import replace

from rewards.engine import definition as engine
from rewards.engine.evaluate import compile_campaign, run
from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts, Moment
from rewards.engine.limits import NOTHING_USED, Usage
from rewards.engine.sentence import sentence
from rewards.engine.triggers import OCCASIONS
from rewards.recipes import recipe
from rewards.recipes.catalogue import BY_KEY, PURPOSES, RECIPES
from rewards.recipes.recipe import Question, Recipe, Setting
from tests.rewards.engine.builders import BERLIN

SETTING = Setting(
    currency="EUR",
    zone=BERLIN,
    today=date(2026, 6, 1),
    wallet_types=(("points", "Points"),),
    point_value=Decimal("0.01"),
    offers={
        "tiers": (("basic", "Basic"), ("silver", "Silver"), ("gold", "Gold")),
        "challenges": (("nine", "Nine coffees"),),
    },
)
CHOSEN = {
    "categories": ["coffee"],
    "brands": ["Bella"],
    "products": ["espresso", "filter"],
    "challenge": "nine",
}
"""Answers to questions that have no usual one."""
WEDNESDAY_3PM = datetime(2026, 6, 3, 15, 0, tzinfo=BERLIN)
SATURDAY_NOON = datetime(2026, 6, 6, 12, 0, tzinfo=BERLIN)
ADA = MemberFacts(tier="silver", balance=0, enrolled_date=date(2025, 6, 1), id="ada")
BASE = {
    "trigger": {"kind": "sale"},
    "effects": [{"kind": "points_per_unit", "wallet_type": "points", "points": "1", "per": "1.00"}],
}


def line(sku: str, amount: str, quantity: int = 1, **more: Any) -> LineFacts:
    return LineFacts(id=sku, sku=sku, amount=Decimal(amount), quantity=Decimal(quantity), **more)


COFFEES = line("espresso", "20.00", 4, category="coffee", brand="Bella")
FILTER = line("filter", "12.50", 3, category="coffee", brand="Mild")
CAKE = line("cake", "20.90", 1, category="bakery", brand="Bella")


def sale(*lines: LineFacts, amount: str = "") -> ActivityFacts:
    total = Decimal(amount) if amount else sum((one.amount for one in lines), Decimal(0))
    return ActivityFacts(kind="sale", amount=total, lines=lines, currency="EUR")


def event(event_type: str, **attributes: Any) -> ActivityFacts:
    return ActivityFacts(kind="event", event_type=event_type, attributes=attributes, source="regulars")


def occasion(kind: str, **attributes: Any) -> ActivityFacts:
    return event(OCCASIONS[kind], **attributes)


def used(period: str, times: int) -> Usage:
    return Usage(counters={f"recipe/{period}": (times, 0)})


class Case(NamedTuple):
    """What happens, and how many points the recipe gives for it."""

    recipe: str
    activity: ActivityFacts
    points: int
    answers: Mapping[str, Any] = {}
    at: datetime = WEDNESDAY_3PM
    member: MemberFacts = ADA
    usage: Usage = NOTHING_USED


def known(**history: Any) -> MemberFacts:
    return replace(ADA, history=history)


CASES = (
    Case("points-per-amount", sale(amount="23.40"), 23),
    Case("points-per-amount", sale(amount="23.40"), 7, {"points": 3, "amount": Decimal("10.00")}),
    Case("points-per-amount", sale(amount="0.99"), 0),
    Case("double-weekend", sale(amount="23.40"), 23, at=SATURDAY_NOON),
    Case("double-weekend", sale(amount="23.40"), 11, {"factor": Decimal("1.5")}, at=SATURDAY_NOON),
    Case("double-weekend", sale(amount="23.40"), 0),
    Case("double-weekend", sale(amount="23.40"), 0, {"first_day": date(2026, 6, 7)}, at=SATURDAY_NOON),
    Case("double-weekend", sale(amount="23.40"), 23, {"last_day": date(2026, 6, 6)}, at=SATURDAY_NOON),
    Case("double-weekend", sale(amount="23.40"), 0, {"last_day": date(2026, 6, 5)}, at=SATURDAY_NOON),
    Case("happy-hour", sale(amount="23.40"), 23),
    Case("happy-hour", sale(amount="23.40"), 23, at=datetime(2026, 6, 3, 14, 0, tzinfo=BERLIN)),
    Case("happy-hour", sale(amount="23.40"), 0, at=datetime(2026, 6, 3, 16, 0, tzinfo=BERLIN)),
    Case("happy-hour", sale(amount="23.40"), 0, at=SATURDAY_NOON.replace(hour=15)),
    Case(
        "happy-hour",
        sale(amount="23.40"),
        46,
        {"start": time(22), "end": time(2), "factor": Decimal(3)},
        at=datetime(2026, 6, 3, 1, 59, tzinfo=BERLIN),
    ),
    Case("category-bonus", sale(COFFEES, FILTER, CAKE), 32),
    Case("category-bonus", sale(CAKE), 0),
    Case("category-bonus", sale(COFFEES, CAKE), 40 + 41, {"points": 2, "categories": ["coffee", "bakery"]}),
    Case("brand-bonus", sale(COFFEES, FILTER, CAKE), 40),
    Case("brand-bonus", sale(FILTER), 0),
    Case("brand-bonus", sale(COFFEES), 0, {"first_day": date(2026, 6, 4)}),
    Case("spend-and-get", sale(amount="50.00"), 100),
    Case("spend-and-get", sale(amount="49.99"), 0),
    Case("spend-and-get", sale(amount="500.00"), 100),
    Case("spend-and-get", sale(amount="50.00"), 0, usage=used("month:2026-06", 4)),
    Case("spend-and-get", sale(amount="50.00"), 100, usage=used("month:2026-05", 4)),
    Case("buy-and-get-one", sale(COFFEES, FILTER), 600),
    Case("buy-and-get-one", sale(FILTER), 300),
    Case("buy-and-get-one", sale(FILTER), 0, {"count": 4}),
    Case("buy-and-get-one", sale(CAKE), 0),
    Case("product-launch", sale(COFFEES), 400),
    Case("product-launch", sale(COFFEES), 0, at=datetime(2026, 6, 1, 23, 59, tzinfo=BERLIN)),
    Case("product-launch", sale(COFFEES), 400, at=datetime(2026, 6, 29, 23, 59, tzinfo=BERLIN)),
    Case("product-launch", sale(COFFEES), 0, at=datetime(2026, 6, 30, 0, 0, tzinfo=BERLIN)),
    Case("product-launch", sale(line("espresso", "50.00", 30)), 1000),
    Case("product-launch", sale(CAKE), 0),
    Case("tier-multiplier", sale(amount="23.40"), 11),
    Case("tier-multiplier", sale(amount="23.40"), 0, member=replace(ADA, tier="basic")),
    Case("tier-multiplier", sale(amount="23.40"), 0, {"tiers": ["gold"]}),
    Case("welcome", occasion("member_registered"), 200),
    Case("welcome", occasion("member_registered"), 0, usage=used("ever", 1)),
    Case("welcome", sale(amount="23.40"), 0),
    Case("first-purchase", sale(amount="1.00"), 300, member=known(first=True)),
    Case("first-purchase", sale(amount="0.99"), 0, member=known(first=True)),
    Case("first-purchase", sale(amount="23.40"), 0, member=known(first=False)),
    Case("profile-completed", occasion("profile_completed"), 100),
    Case("profile-completed", occasion("profile_completed"), 0, usage=used("ever", 1)),
    Case("profile-completed", occasion("member_registered"), 0),
    Case("birthday", occasion("birthday"), 500),
    Case("birthday", occasion("birthday"), 0, usage=used("year:2026", 1)),
    Case("birthday", occasion("anniversary"), 0),
    Case("anniversary", occasion("anniversary"), 300),
    Case("anniversary", occasion("birthday"), 0),
    Case("tier-reached", occasion("tier_reached", tier="gold"), 500),
    Case("tier-reached", occasion("tier_reached", tier="basic"), 0),
    Case("tier-reached", occasion("tier_reached", tier="gold"), 0, usage=used("year:2026", 2)),
    Case("win-back", occasion("inactivity", days=60), 500),
    Case("win-back", occasion("inactivity", days=90), 0),
    Case("win-back", occasion("inactivity", days=90), 500, {"away": 90}),
    Case("win-back", occasion("inactivity", days=60), 0, usage=used("year:2026", 2)),
    Case("come-back", sale(amount="5.00"), 500, member=known(last="2026-04-04")),
    Case("come-back", sale(amount="5.00"), 0, member=known(last="2026-04-05")),
    Case("come-back", sale(amount="5.00"), 0, member=known(last=None)),
    Case("refer-a-friend", occasion("referral_qualified"), 500),
    Case("refer-a-friend", occasion("referral_qualified"), 0, usage=used("year:2026", 10)),
    Case("refer-a-friend", occasion("member_registered"), 0),
    Case("login-streak", event("app.login"), 5),
    Case("login-streak", event("app.login"), 0, usage=used("day:2026-06-03", 1)),
    Case("login-streak", event("app.login"), 5, usage=used("day:2026-06-02", 1)),
    Case("login-streak", event("app.login"), 0, usage=used("week:2026-W23", 5)),
    Case("login-streak", event("web.login"), 0),
    Case("login-streak", event("web.login"), 7, {"event_type": "web.login", "points": 7}),
    Case("receipt-code", occasion("code_entered", code="thank you"), 100),
    Case("receipt-code", occasion("code_entered", code="thanks"), 0),
    Case("receipt-code", occasion("code_entered", code="ß 7"), 100, {"codes": ["summer", "SS7"]}),
    Case("receipt-code", occasion("code_entered", code="thankyou"), 0, usage=used("ever", 1)),
    Case("receipt-code", occasion("code_entered", code="thankyou"), 0, usage=Usage(left={"recipe/times": 0})),
    Case("check-in", occasion("check_in", store="mitte"), 10),
    Case("check-in", occasion("check_in", store="mitte"), 10, {"stores": ["mitte"]}),
    Case("check-in", occasion("check_in", store="mitte"), 0, {"stores": ["west"]}),
    Case("check-in", occasion("check_in", store="mitte"), 0, usage=used("day:2026-06-03", 1)),
    Case("say-thanks", event("review.written"), 20),
    Case("say-thanks", event("review.written"), 0, usage=used("month:2026-06", 3)),
    Case("say-thanks", event("survey.answered"), 0),
)
GIVES_POINTS = [one for one in RECIPES if one.key != "stamp-card"]


def typed(question: Question, usual: Any) -> Any:
    """The usual answer as a form would give it."""
    kinds: dict[str, Any] = {recipe.FACTOR: Decimal, recipe.MONEY: Decimal, recipe.TIME: time.fromisoformat}
    kind = kinds.get(question.kind)
    return kind(usual) if kind is not None and usual is not None else usual


def made(of: Recipe, answers: Mapping[str, Any] = {}) -> dict[str, Any]:  # noqa: B006
    usual = {question.key: typed(question, question.usual_in(SETTING)) for question in of.questions}
    chosen = {key: value for key, value in CHOSEN.items() if key in usual}
    return of.definition(usual | chosen | dict(answers), SETTING, wallet_type="points")


def facts(case: Case) -> Facts:
    return Facts(activity=case.activity, member=case.member, moment=Moment(case.at))


def compiled(definition: Mapping[str, Any], key: str) -> Any:
    return compile_campaign(
        version_id=uuid5(UUID(int=0), key), campaign_key=key, name=key, definition=definition
    )


class TestEachRecipe:
    @pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.recipe}-{case.points}")
    def test_gives_exactly_what_is_worked_out_here(self, case: Case):
        rule = compiled(made(BY_KEY[case.recipe], case.answers), "recipe")

        outcome = run([compiled(BASE, "base"), rule], facts(case), rounding="down", usage=case.usage)

        assert sum(award.points for award in outcome.awards if award.campaign_key == "recipe") == case.points

    @pytest.mark.parametrize("of", GIVES_POINTS, ids=lambda of: of.key)
    def test_is_worked_out_with_points_and_without(self, of: Recipe):
        points = [case.points for case in CASES if case.recipe == of.key]

        assert any(points)
        assert not all(points)

    @pytest.mark.parametrize("of", RECIPES, ids=lambda of: of.key)
    def test_says_in_a_sentence_what_it_does(self, of: Recipe):
        definition = made(of)

        assert engine.problems(definition, wallet_types={"points"}) == ()
        assert len(sentence(definition, currency="EUR", zone=BERLIN)) > 40

    @pytest.mark.parametrize("of", RECIPES, ids=lambda of: of.key)
    @pytest.mark.parametrize("end", ["low", "high"])
    def test_is_valid_at_both_ends_of_every_number(self, of: Recipe, end: str):
        counted = [question for question in of.questions if question.kind in (recipe.POINTS, recipe.NUMBER)]
        answers = {question.key: getattr(question, end) for question in counted}

        assert engine.problems(made(of, answers)) == ()

    @pytest.mark.parametrize("of", RECIPES, ids=lambda of: of.key)
    def test_asks_at_most_four_things(self, of: Recipe):
        assert 1 <= len(of.questions) <= 4
        assert len({question.key for question in of.questions}) == len(of.questions)

    def test_of_a_stamp_card_gives_progress_and_no_points(self):
        rule = compiled(made(BY_KEY["stamp-card"]), "recipe")

        enough, less = (
            run([rule], facts(Case("", sale(amount=amount), 0)), rounding="down")
            for amount in ("5.00", "4.99")
        )

        assert [(gift.kind, dict(gift.parameters)) for gift in enough.gifts] == [
            ("challenge_progress", {"challenge": "nine", "count": 1})
        ]
        assert (enough.awards, less.gifts) == ((), ())


class TestExpiry:
    @pytest.mark.parametrize("key", ["birthday", "win-back"])
    def test_of_a_gift_is_as_asked(self, key: str):
        definition = made(BY_KEY[key], {"days": 14})

        assert definition["effects"][0]["expiry"] == {"rule": "days", "number": 14}


class TestCatalogue:
    def test_has_all_that_marketers_were_promised(self):
        promised = {
            *("points-per-amount", "double-weekend", "category-bonus", "brand-bonus", "spend-and-get"),
            *("buy-and-get-one", "happy-hour", "welcome", "birthday", "anniversary", "win-back"),
            *("refer-a-friend", "tier-multiplier", "login-streak", "receipt-code"),
        }

        assert promised <= set(BY_KEY)
        assert len(BY_KEY) == len(RECIPES)
        assert {of.purpose for of in RECIPES} == {key for key, _name in PURPOSES}


class TestUsualAnswers:
    @pytest.mark.parametrize(
        ("point_value", "currency", "points"),
        [
            ("0.01", "EUR", 500),
            ("0.005", "EUR", 1000),
            ("0", "EUR", 500),
            ("1", "JPY", 500),
            ("0.0033", "EUR", 1500),
        ],
    )
    def test_are_worth_round_amounts(self, point_value: str, currency: str, points: int):
        setting = replace(SETTING, point_value=Decimal(point_value), currency=currency)

        assert setting.worth(5) == points

    def test_of_days_are_those_of_the_program(self):
        definition = made(BY_KEY["product-launch"])

        starts_at = datetime.fromisoformat(definition["schedule"]["starts_at"])
        assert starts_at.astimezone(UTC) == datetime(2026, 6, 1, 22, tzinfo=UTC)
        assert datetime.fromisoformat(definition["schedule"]["ends_at"]) - starts_at == timedelta(days=28)
