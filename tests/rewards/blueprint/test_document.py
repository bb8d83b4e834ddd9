"""A program's design as text, and back: nothing is lost, nothing moves, and every fault is named."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from loyalty.core.models import Program, User
from members.models import ExpiryRule, Tier, TierLadder, WalletType
from rewards.blueprint import applying, comparing, document, reading, writing
from rewards.blueprint.faults import InvalidBlueprint
from rewards.blueprint.section import Section
from rewards.blueprint.sections import KINDS
from rewards.models import Campaign, Reward
from rewards.planning import campaigns
from tests import factories

HEAD = "format: regulars-program/1\ncurrency: EUR\n"
TEXTS = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
LEAVES = some.none() | some.booleans() | some.integers(-(10**12), 10**12) | TEXTS
NUMBERS = some.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
TREES: some.SearchStrategy[Any] = some.recursive(
    LEAVES | NUMBERS,
    lambda children: some.lists(children, max_size=4) | some.dictionaries(TEXTS, children, max_size=4),
    max_leaves=12,
)


def faults(text: str, program: Program) -> list[str]:
    with pytest.raises(InvalidBlueprint) as refused:
        comparing.compare(document.read(text.encode()), program)
    return [str(fault) for fault in refused.value.faults]


class TestYaml:
    @given(tree=some.dictionaries(TEXTS, TREES, max_size=5))
    def test_is_read_as_it_was_written_whatever_it_is(self, tree: dict[str, Any]):
        text = writing.write(tree)

        assert reading.plain(reading.read(text.encode())) == tree

    @given(tree=some.dictionaries(TEXTS, TREES, min_size=1, max_size=5))
    def test_is_the_same_text_for_the_same_values(self, tree: dict[str, Any]):
        text = writing.write(tree)

        assert writing.write(reading.plain(reading.read(text.encode()))) == text


class TestExport:
    def test_is_readable_and_in_order(self, designed: Program):
        text = document.export(designed)

        assert text.startswith("# A loyalty program as code")
        assert (
            "tier_ladders:\n"
            "  status:\n"
            "    name: Status\n"
            "    wallet_type: points\n"
            "    tiers:\n"
            "      basic: {name: Basic, threshold: 0}\n"
            "      silver: {name: Silver, threshold: 1000}\n"
            "      gold: {name: Gold, threshold: 5000}\n"
        ) in text
        assert (
            "  weekend:\n"
            "    name: Double points at the weekend\n"
            "    definition:\n"
            "      trigger: {kind: sale}\n"
            "      conditions:\n"
            "        all:\n"
            "        - {fact: moment.weekday, operator: in, value: [saturday, sunday]}\n"
            "      effects:\n"
            "      - {kind: multiplier, wallet_type: points, factor: '2'}\n"
        ) in text

    def test_takes_the_same_queries_however_much_there_is(
        self, designed: Program, django_assert_num_queries: Any
    ):
        for number in range(20):
            factories.CampaignFactory.create(program=designed, key=f"more-{number}", draft={})
            factories.RewardFactory.create(
                program=designed, key=f"more-{number}", wallet_type=designed.wallet_types.get()
            )

        with django_assert_num_queries(14):
            document.export(designed)

    def test_says_nothing_of_other_programs(self, designed: Program):
        elsewhere = factories.ProgramFactory.create(key="elsewhere", currency="EUR")
        factories.RewardFactory.create(program=elsewhere, name="Foreign gift")
        factories.CampaignFactory.create(program=elsewhere, name="Foreign rule")

        assert "Foreign" not in document.export(designed)

    def test_leaves_out_drafts_that_nobody_has_finished_and_campaigns_that_ended(
        self, designed: Program, base_rule: Campaign, noon: datetime
    ):
        factories.CampaignFactory.create(program=designed, key="unfinished", draft={"trigger": {}})
        campaigns.end(base_rule, by=None, at=noon)

        read = document.read(document.export(designed).encode())

        assert list(read.things["campaigns"]) == ["weekend"]

    def test_tells_what_was_published_as_long_as_the_draft_is_not_complete(
        self, designed: Program, base_rule: Campaign
    ):
        before = document.export(designed)
        Campaign.objects.filter(pk=base_rule.pk).update(draft={"trigger": {"kind": "sale"}, "effects": []})

        assert document.export(designed) == before


class TestRoundTrip:
    def test_of_an_export_changes_nothing(self, designed: Program, administrator: User, noon: datetime):
        text = document.export(designed)

        comparison = applying.apply(
            document.read(text.encode()), program=designed, by=administrator, at=noon, prune=True
        )

        assert comparison.changes == ()
        assert document.export(designed) == text

    def test_into_an_empty_program_is_the_same_to_the_byte(
        self, designed: Program, administrator: User, noon: datetime
    ):
        copy = factories.ProgramFactory.create(key="copy", time_zone="Asia/Tokyo")
        administrator.assignments.create(program=copy, role="administrator")
        text = document.export(designed)

        applying.apply(document.read(text.encode()), program=copy, by=administrator, at=noon)

        assert document.export(copy) == text
        assert copy.wallet_types.get().point_value == Decimal("0.01")
        assert Reward.objects.get(program=copy, key="coffee").stock == 0

    @settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=some.data())
    def test_is_exact_whatever_stands_in_the_program(
        self, data: some.DataObject, program: Program, administrator: User, noon: datetime
    ):
        key = some.from_regex(r"[a-z0-9][a-z0-9_-]{0,39}", fullmatch=True)
        name = TEXTS.filter(str.strip)
        source, copy = (factories.ProgramFactory.create() for _ in range(2))
        administrator.assignments.create(program=copy, role="administrator")
        points = WalletType.objects.create(
            program=source,
            key=data.draw(key),
            name=data.draw(name),
            point_value=data.draw(some.decimals(0, 9999, places=6)),
            expiry_rule=ExpiryRule.FIXED_DATE,
            expires_on_date=data.draw(some.dates(date(1000, 1, 1))),
            transfer_fee_percent=data.draw(some.decimals(0, 100, places=2)),
        )
        ladder = TierLadder.objects.create(
            program=source, key=data.draw(key), name=data.draw(name), wallet_type=points
        )
        Tier.objects.create(ladder=ladder, key=data.draw(key), name=data.draw(name), threshold=0)
        Reward.objects.create(
            program=source,
            key=data.draw(key),
            name=data.draw(name),
            description=data.draw(TEXTS),
            wallet_type=points,
            price=data.draw(some.integers(1, 2**53)),
            ends_at=data.draw(some.datetimes(datetime(1900, 1, 1), timezones=some.timezones())),
        )
        condition = {"fact": "sale.attribute.x", "operator": "eq", "value": data.draw(name)}
        effect = {"kind": "fixed_points", "wallet_type": points.key, "points": data.draw(some.integers(1, 9))}
        factories.CampaignFactory.create(
            program=source,
            key=data.draw(key),
            name=data.draw(name),
            draft=factories.definition(effect, conditions={"any": [condition]}),
        )

        text = document.export(source)
        applying.apply(document.read(text.encode()), program=copy, by=administrator, at=noon)
        again = applying.apply(document.read(text.encode()), program=copy, by=administrator, at=noon)

        assert document.export(copy) == text
        assert again.changes == ()


class TestCheck:
    def test_finds_all_errors_at_once_each_with_its_line(self, designed: Program):
        text = (
            HEAD + "wallet_types:\n"
            "  points: {name: Points, point_value: a lot}\n"
            "  Bad Key: {name: Other}\n"
            "tier_ladders:\n"
            "  status:\n"
            "    name: Status\n"
            "    colour: red\n"
            "rewards:\n"
            "  tea: {name: Tea, wallet_type: points, price: -1, starts_at: 2026-07-01}\n"
            "presents: {}\n"
        )

        found = faults(text, designed)

        assert [said.partition(": ")[::2] for said in found] == [
            ("line 4", "wallet_types.points.point_value: Write a number, such as 0.01."),
            (
                "line 5",
                "wallet_types.Bad Key: Use lower-case letters, digits, hyphens and underscores.",
            ),
            ("line 7", "tier_ladders.status: “wallet_type” is missing."),
            ("line 9", "tier_ladders.status.colour: Unknown here. There are: name, wallet_type, tiers."),
            ("line 11", "rewards.tea.price: Ensure this value is greater than or equal to 0."),
            (
                "line 11",
                "rewards.tea.starts_at: Write a moment with its time zone,"
                " such as 2026-12-31T18:00:00+01:00.",
            ),
            (
                "line 12",
                "presents: Unknown here. There are: format, currency, wallet_types, tier_ladders,"
                " reason_codes, member_attributes, sale_attributes, event_types, segments, rewards,"
                " badges, challenges, draws, campaigns.",
            ),
        ]

    def test_looks_into_a_campaign_and_names_the_line_in_its_rule(self, designed: Program):
        text = HEAD + (
            "campaigns:\n"
            "  new:\n"
            "    name: New\n"
            "    definition:\n"
            "      trigger: {kind: sale}\n"
            "      effects:\n"
            "      - {kind: fixed_points, wallet_type: points, points: 5}\n"
            "      - kind: fixed_points\n"
            "        wallet_type: miles\n"
            "        points: many\n"
        )

        found = faults(text, designed)

        assert [said.split(": ")[:2] for said in found] == [
            ["line 11", "campaigns.new.definition.effects.1.wallet_type"],
            ["line 12", "campaigns.new.definition.effects.1.points"],
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("format: other/9\ncurrency: EUR\n", "line 1: format: This version reads “regulars-program/1”."),
            ("currency: EUR\n", "line 1: “format” is missing."),
            (
                "format: regulars-program/1\ncurrency: USD\n",
                "Its amounts are in USD, those of the program in EUR",
            ),
            ("[1, 2]", "A program file begins with"),
            (HEAD + "rewards: [1]", "Here stand things by their keys"),
            (HEAD + "rewards: {tea: 5}", "Here stands what “tea” is"),
            (HEAD + "rewards: {tea: {name: T, wallet_type: miles, price: 5}}", "There is no “miles” among"),
            (HEAD + "rewards: {tea: {name: T, wallet_type: points, price: 0}}", "a_reward_costs_points"),
            (HEAD + "rewards: {tea: {name: T, wallet_type: points, price: 5, stock: 7}}", "Write “limited”"),
            (HEAD + "wallet_types: {p: {name: P, expiry_rule: sometimes}}", "is none of: never, days"),
            (HEAD + "wallet_types: {p: {name: P, expiry_rule: days}}", "an_expiry_rule_has_what_it_needs"),
            (HEAD + "wallet_types: {p: {name: P, is_spendable: maybe}}", "is none of: true, false"),
            (HEAD + "wallet_types: {p: {name: }}", "Say what it is, or leave the line out."),
            (HEAD + "wallet_types: {p: {name: [P]}}", "Here stands one value"),
            (HEAD + f"wallet_types: {{p: {{name: {'x' * 101}}}}}", "at most 100 characters"),
            (
                HEAD + "wallet_types: {miles: {name: M}}\n"
                "tier_ladders: {status: {name: S, wallet_type: miles}}",
                "line 4: tier_ladders.status.wallet_type: This stays “points” for good.",
            ),
            (
                HEAD + "tier_ladders: {status: {name: S, wallet_type: points, tiers:"
                " {new: {name: N, threshold: 5000}}}}",
                "“gold” and “new” are both reached at 5000.",
            ),
        ],
    )
    def test_says_what_is_wrong(self, designed: Program, text: str, said: str):
        assert said in "\n".join(faults(text, designed))

    def test_refuses_more_changes_than_anybody_would_look_at(self, designed: Program):
        things = "".join(f"  b{number}: {{name: B}}\n" for number in range(2_001))

        assert faults(f"{HEAD}badges:\n{things}", designed) == [
            "line 2004: badges.b2000: That is too much at once: at most 2000 things that are new or changed."
        ]

    def test_refuses_the_key_of_a_campaign_that_has_ended(
        self, designed: Program, base_rule: Campaign, noon: datetime
    ):
        text = document.export(designed)
        campaigns.end(base_rule, by=None, at=noon)

        assert "it has ended: choose another key" in faults(text, designed)[0]

    def test_knows_everything_that_a_campaign_may_name(self, designed: Program):
        text = HEAD + (
            "badges: {new: {name: New}}\n"
            "campaigns:\n"
            "  new:\n"
            "    name: New\n"
            "    definition:\n"
            "      trigger: {kind: tier_reached, tiers: [gold, red]}\n"
            "      audience:\n"
            "        tiers: [silver, blue]\n"
            "        variants:\n"
            "        - key: a\n"
            "          percent: 50\n"
            "          effects: [{kind: badge, badge: new}, {kind: badge, badge: old}]\n"
            "        - key: b\n"
            "          percent: 50\n"
            "          effects:\n"
            "          - {kind: challenge_progress, challenge: ten, count: 1}\n"
            "          - {kind: prize_draw_entry, draw: winter, entries: 1}\n"
            "          - {kind: reward, reward: tea}\n"
            "          - {kind: multiplier, wallet_type: points, factor: '2', of: [base, gone]}\n"
            "      conditions:\n"
            "        any:\n"
            "        - {fact: member.tier, operator: in, value: [gold, green]}\n"
        )

        assert [said.partition(" among")[0] for said in faults(text, designed)] == [
            "line 8: campaigns.new.definition.trigger.tiers.1: There is no “red”",
            "line 10: campaigns.new.definition.audience.tiers.1: There is no “blue”",
            "line 14: campaigns.new.definition.audience.variants.0.effects.1.badge: There is no “old”",
            "line 18: campaigns.new.definition.audience.variants.1.effects.0.challenge: There is no “ten”",
            "line 19: campaigns.new.definition.audience.variants.1.effects.1.draw: There is no “winter”",
            "line 20: campaigns.new.definition.audience.variants.1.effects.2.reward: There is no “tea”",
            "line 21: campaigns.new.definition.audience.variants.1.effects.3.of.1: There is no “gone”",
            "line 24: campaigns.new.definition.conditions.any.0.value.1: There is no “green”",
        ]

    def test_finds_segments_that_depend_on_each_other(self, designed: Program):
        named = "conditions: {all: [{fact: member.segments, operator: has_any, value: [%s]}]}"
        text = HEAD + (
            "segments:\n"
            f"  one: {{name: One, {named % 'two'}}}\n"
            f"  two: {{name: Two, {named % 'drinkers'}}}\n"
            f"  drinkers: {{name: Coffee drinkers, {named % 'one, gone'}}}\n"
        )

        found = faults(text, designed)

        assert [said.partition(": ")[0] for said in found] == ["line 6", "line 6"]
        assert "There is no “gone” among the segments" in found[0]
        assert "drinkers → one → two → drinkers" in found[1]

    def test_lets_a_campaign_name_what_the_file_brings_along(self, designed: Program):
        text = HEAD + (
            "wallet_types: {miles: {name: Miles}}\n"
            "campaigns:\n"
            "  new:\n"
            "    name: New\n"
            "    definition:\n"
            "      trigger: {kind: sale}\n"
            "      effects: [{kind: fixed_points, wallet_type: miles, points: 5}]\n"
        )

        comparison = comparing.compare(document.read(text.encode()), designed)

        assert [(one.kind, one.key) for one in comparison.of_kind("added")] == [
            ("added", "miles"),
            ("added", "new"),
        ]

    def test_takes_few_queries_for_a_file_that_changes_nothing(
        self, designed: Program, django_assert_num_queries: Any
    ):
        read = document.read(document.export(designed).encode())

        with django_assert_num_queries(28):
            comparing.compare(read, designed)


class TestSections:
    # What is the moment's business, counted or decided by others, and so stands in no file.
    LEFT_OUT = {
        "wallet_types": {"expiry_is_on_hold"},
        "segments": {"member_count", "refreshed_at", "archived_at"},
        "draws": {"seed", "drawn_at", "drawn_by"},
        "campaigns": {"status", "approval", "turns_at"},
    }
    OWNERS = {"id", "program", "created_at", "ladder", "event_type", "owner"}

    @pytest.mark.parametrize("section", KINDS.values(), ids=lambda section: section.key)
    def test_have_every_field_of_their_model_or_leave_it_out_for_a_reason(self, section: Section):
        columns = {column.attribute for column in section.fields}
        fields = {field.name for field in section.model._meta.fields}

        left_out = fields - columns - self.OWNERS - {section.key_field}
        assert left_out == self.LEFT_OUT.get(section.key, set())
