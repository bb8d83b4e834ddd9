"""Applying a program file: all or nothing, once, by those who may, and nothing is deleted."""

import json
from datetime import datetime
from typing import Any

import pytest

from loyalty.core import audit
from loyalty.core.models import Event, Program, Role, User
from members.models import AttributeType, ReasonCode, Segment, Tier, WalletType
from rewards.blueprint import applying, comparing, document
from rewards.blueprint.comparing import CHANGED, MISSING, Comparison
from rewards.blueprint.faults import InvalidBlueprint
from rewards.models import Campaign, CampaignStatus, CampaignVersion, Reward
from rewards.planning import campaigns
from tests import factories, races
from tests.clients import employed


def changed(text: str, *replacements: tuple[str, str]) -> bytes:
    for old, new in replacements:
        assert text.count(old) == 1, f"{old} stands {text.count(old)} times in the file"
        text = text.replace(old, new)
    return text.encode()


def without(text: str, *parts: str) -> bytes:
    return changed(text, *((part, "") for part in parts))


def apply(raw: bytes, program: Program, by: User, at: datetime, **more: Any) -> Comparison:
    return applying.apply(document.read(raw), program=program, by=by, at=at, **more)


WEEKEND = "Double points at the weekend"
COFFEE = "  coffee:\n    name: Free coffee\n    wallet_type: points\n    price: 500\n    stock: limited\n"
BASE = (
    "  base:\n    name: A point for each euro\n    definition:\n      trigger: {kind: sale}\n"
    "      conditions: {all: []}\n      effects:\n"
    "      - {kind: points_per_unit, wallet_type: points, points: '1', per: '1.00'}\n"
)


class TestApply:
    def test_writes_exactly_what_differs_and_tells_it_field_by_field(
        self, designed: Program, administrator: User, noon: datetime
    ):
        raw = changed(
            document.export(designed),
            ("price: 900", "price: 950"),
            ("factor: '2'", "factor: '3'"),
            ("      gold:", "      red: {name: Red, threshold: 9000, color: '#ff0000'}\n      gold:"),
        )

        comparison = apply(raw, designed, administrator, noon)

        assert [(c.section, c.key, c.kind) for c in comparison.changes] == [
            ("tier_ladders", "status", CHANGED),
            ("rewards", "cake", CHANGED),
            ("campaigns", "weekend", CHANGED),
        ]
        assert [(line.path, line.before, line.after) for c in comparison.changes for line in c.lines] == [
            ("tiers.red.name", "–", "Red"),
            ("tiers.red.threshold", "–", "9000"),
            ("tiers.red.color", "–", "#ff0000"),
            ("price", "900", "950"),
            ("definition.effects.0.factor", "2", "3"),
        ]
        assert Reward.objects.get(key="cake").price == 950
        assert Tier.objects.get(key="red").color == "#ff0000"
        assert Campaign.objects.get(key="weekend").draft["effects"][0]["factor"] == "3"
        assert CampaignVersion.objects.count() == 1

    def test_a_second_time_changes_nothing(self, designed: Program, administrator: User, noon: datetime):
        raw = changed(document.export(designed), ("price: 900", "price: 950"), ("factor: '2'", "factor: '3'"))
        everything = ["base", "weekend"]
        apply(raw, designed, administrator, noon, publish=everything, prune=True)
        versions, notes = CampaignVersion.objects.count(), len(audit.trail(designed))

        again = apply(raw, designed, administrator, noon, publish=everything, prune=True)

        assert (again.changes, again.unpublished) == ((), ())
        assert (CampaignVersion.objects.count(), len(audit.trail(designed))) == (versions, notes)

    def test_is_all_or_nothing(self, designed: Program, administrator: User, noon: datetime):
        raw = changed(
            document.export(designed),
            ("price: 900", "price: 950"),
            ("wallet_types:", "wallet_types:\n  miles: {name: Miles}"),
            ("factor: '2'", "factor: '0.5'"),
        )

        with pytest.raises(InvalidBlueprint, match="campaigns.weekend.definition.effects.0.factor"):
            apply(raw, designed, administrator, noon)

        assert Reward.objects.get(key="cake").price == 900
        assert not WalletType.objects.filter(key="miles").exists()

    def test_undoes_all_when_a_campaign_needs_a_second_person_to_be_published(
        self, designed: Program, administrator: User, noon: datetime
    ):
        Program.objects.filter(pk=designed.pk).update(campaigns_need_approval=True)
        raw = changed(document.export(designed), ("price: 900", "price: 950"))

        with pytest.raises(applying.NotPublished, match="weekend: "):
            apply(raw, designed, administrator, noon, publish=["weekend"])
        left = Reward.objects.get(key="cake").price
        apply(raw, designed, administrator, noon)

        assert left == 900
        assert Reward.objects.get(key="cake").price == 950
        assert Campaign.objects.get(key="weekend").status == CampaignStatus.DRAFT

    def test_makes_drafts_and_publishes_only_what_it_is_told_to(
        self, designed: Program, administrator: User, noon: datetime
    ):
        raw = changed(document.export(designed), ("per: '1.00'", "per: '2.00'"))

        apply(raw, designed, administrator, noon)
        drafted = Campaign.objects.get(key="base"), CampaignVersion.objects.count()
        apply(raw, designed, administrator, noon, publish=["base"])

        assert drafted[0].draft["effects"][0]["per"] == "2.00"
        assert drafted[1] == 1
        newest = CampaignVersion.objects.get(number=2)
        assert newest.definition["effects"][0]["per"] == "2.00"
        assert newest.published_by == administrator
        assert Campaign.objects.get(key="weekend").status == CampaignStatus.DRAFT

    def test_does_not_set_a_paused_campaign_going_again(
        self, designed: Program, base_rule: Campaign, administrator: User, noon: datetime
    ):
        raw = changed(document.export(designed), ("per: '1.00'", "per: '2.00'"))
        campaigns.pause(base_rule, by=None, at=noon)

        comparison = apply(raw, designed, administrator, noon, publish=["base", "weekend"])

        assert comparison.paused == ("base",)
        assert Campaign.objects.get(key="base").status == CampaignStatus.PAUSED

    def test_keeps_what_the_file_leaves_out_and_tells_it(
        self, designed: Program, administrator: User, noon: datetime
    ):
        raw = without(document.export(designed), COFFEE, BASE, "      gold: {name: Gold, threshold: 5000}\n")

        comparison = apply(raw, designed, administrator, noon)

        assert [(c.section, c.key, c.kind) for c in comparison.changes] == [
            ("tiers", "status.gold", MISSING),
            ("rewards", "coffee", MISSING),
            ("campaigns", "base", MISSING),
        ]
        assert Reward.objects.get(key="coffee").is_active
        assert Campaign.objects.get(key="base").status == CampaignStatus.RUNNING

    def test_prunes_by_ending_and_taking_out_of_use_and_deletes_nothing(
        self, designed: Program, administrator: User, noon: datetime
    ):
        goodwill = "  goodwill:\n    label: Goodwill\n    direction: add\n    cost_centre: marketing\n"
        gold = "      gold: {name: Gold, threshold: 5000}\n"
        raw = without(document.export(designed), COFFEE, BASE, goodwill, gold)

        apply(raw, designed, administrator, noon, prune=True)

        assert not Reward.objects.get(key="coffee").is_active
        assert not ReasonCode.objects.get(key="goodwill").is_active
        assert Campaign.objects.get(key="base").status == CampaignStatus.ENDED
        assert Event.objects.filter(type="campaign.ended").count() == 1
        assert Tier.objects.filter(key="gold").exists()

    def test_has_the_members_of_a_changed_segment_found_anew(
        self, designed: Program, administrator: User, noon: datetime
    ):
        Segment.objects.filter(key="drinkers").update(refreshed_at=noon)
        raw = changed(
            document.export(designed),
            ("value: coffee}", "value: tea}"),
            ("label: Stars", "label: Stars given"),
        )

        comparison = apply(raw, designed, administrator, noon)

        assert [(c.section, c.key, c.lines[0].path) for c in comparison.changes] == [
            ("event_types", "review.posted", "attributes.stars.label"),
            ("segments", "drinkers", "conditions.all.0.value"),
        ]
        assert Segment.objects.get(key="drinkers").refreshed_at is None
        assert AttributeType.objects.get(name="stars").label == "Stars given"

    def test_does_not_touch_sections_that_the_file_does_not_name(
        self, designed: Program, administrator: User, noon: datetime
    ):
        raw = b"format: regulars-program/1\ncurrency: EUR\nrewards: {}\n"

        comparison = apply(raw, designed, administrator, noon, prune=True)

        assert {change.section for change in comparison.changes} == {"rewards"}
        assert Campaign.objects.get(key="base").status == CampaignStatus.RUNNING

    def test_keeps_the_pieces_in_stock_and_begins_with_none(
        self, designed: Program, administrator: User, noon: datetime
    ):
        tea = "  tea: {name: Tea, wallet_type: points, price: 5, stock: limited}\n"
        raw = changed(
            document.export(designed), ("price: 500", "price: 600"), ("rewards:\n", f"rewards:\n{tea}")
        )

        apply(raw, designed, administrator, noon)

        assert list(Reward.objects.order_by("key").values_list("key", "stock", "price")) == [
            ("cake", None, 900),
            ("coffee", 5, 600),
            ("tea", 0, 5),
        ]

    @pytest.mark.parametrize(
        "thresholds", [(0, 5000, 1000), (1000, 5000, 0), (0, 2000, 9000), (0, 500, 1000), (0, 6000, 5000)]
    )
    def test_moves_tiers_past_each_other(
        self, designed: Program, administrator: User, noon: datetime, thresholds: tuple[int, int, int]
    ):
        basic, silver, gold = thresholds
        raw = changed(
            document.export(designed),
            ("{name: Basic, threshold: 0}", f"{{name: Basic, threshold: {basic}}}"),
            ("{name: Silver, threshold: 1000}", f"{{name: Silver, threshold: {silver}}}"),
            ("{name: Gold, threshold: 5000}", f"{{name: Gold, threshold: {gold}}}"),
        )

        apply(raw, designed, administrator, noon)

        assert dict(Tier.objects.values_list("key", "threshold")) == {
            "basic": basic,
            "silver": silver,
            "gold": gold,
        }

    def test_says_in_the_audit_trail_who_it_was(self, designed: Program, administrator: User, noon: datetime):
        raw = changed(document.export(designed), ("price: 900", "price: 950"))

        apply(raw, designed, administrator, noon)

        step = audit.trail(Reward.objects.get(key="cake"))[0]
        assert step.by == administrator
        assert [(change.before, change.after) for change in step.fields] == [(900, 950)]
        assert "0 added, 1 changed" in audit.trail(designed)[0].summary

    def test_refuses_when_the_program_is_not_as_it_was_looked_at(
        self, designed: Program, administrator: User, noon: datetime
    ):
        found = document.read(changed(document.export(designed), ("price: 900", "price: 950")))
        seen = comparing.compare(found, designed).fingerprint
        Reward.objects.filter(key="coffee").update(price=501)

        with pytest.raises(applying.ChangedMeanwhile):
            applying.apply(found, program=designed, by=administrator, at=noon, seen=seen)

        assert Reward.objects.get(key="cake").price == 900


class TestPermissions:
    @pytest.mark.parametrize(
        ("role", "may_apply", "may_publish"),
        [
            (Role.MARKETER, False, False),
            (Role.SUPPORT, False, False),
            (Role.FINANCE, False, False),
            (Role.OPERATOR, False, False),
            (Role.ADMINISTRATOR, True, True),
        ],
    )
    def test_of_each_role(
        self, designed: Program, noon: datetime, role: Role, may_apply: bool, may_publish: bool
    ):
        by = employed(designed, role)
        raw = document.export(designed).encode()
        answers = []

        for more in ({}, {"publish": ["weekend"]}, {"prune": True}):
            try:
                apply(raw, designed, by, noon, **more)
                answers.append(True)
            except applying.MayNotApply:
                answers.append(False)

        assert answers == [may_apply, may_publish, may_publish]

    def test_in_another_program_count_for_nothing(
        self, designed: Program, administrator: User, noon: datetime
    ):
        elsewhere = factories.ProgramFactory.create(key="elsewhere", currency="EUR")

        with pytest.raises(applying.MayNotApply):
            apply(document.export(designed).encode(), elsewhere, administrator, noon)

        assert not elsewhere.wallet_types.exists()


class TestOtherPrograms:
    def test_are_not_touched_by_a_file_with_the_same_keys(
        self, designed: Program, administrator: User, noon: datetime
    ):
        twin = factories.ProgramFactory.create(key="twin")
        administrator.assignments.create(program=twin, role="administrator")
        raw = document.export(designed).encode()
        apply(raw, twin, administrator, noon)

        different = changed(raw.decode(), ("price: 900", "price: 1"), ("factor: '2'", "factor: '9'"))
        apply(different, twin, administrator, noon, publish=["weekend"], prune=True)

        assert document.export(designed).encode() == raw
        assert document.export(twin).encode() == different
        assert CampaignVersion.objects.filter(program=designed).count() == 1
        assert Tier.objects.filter(ladder__program=twin, ladder__wallet_type__program=twin).count() == 3

    def test_lend_no_kinds_of_points(self, designed: Program, administrator: User, noon: datetime):
        factories.WalletTypeFactory.create(key="miles")
        raw = changed(
            document.export(designed), ("price: 900", "price: 900\n    voucher_valid_days: 5")
        ).replace(b"  cake:\n    name: Cake", b"  cake:\n    name: Cake2")
        raw = raw.replace(b"wallet_type: points\n    price: 900", b"wallet_type: miles\n    price: 900")

        with pytest.raises(InvalidBlueprint, match="There is no “miles” among the wallet_types"):
            apply(raw, designed, administrator, noon)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_who_apply_the_same_file_write_it_once(
        self, designed: Program, administrator: User, noon: datetime
    ):
        new = "rewards:\n  tea: {name: Tea, wallet_type: points, price: 5}\n"
        raw = changed(document.export(designed), ("rewards:\n", new), ("factor: '2'", "factor: '3'"))
        found = document.read(raw)

        def work(number: int) -> int:
            by = User.objects.get(pk=administrator.pk)
            return len(applying.apply(found, program=designed, by=by, at=noon, publish=["weekend"]).changes)

        answers = races.at_once(4, work)

        assert sorted(answers) == [0, 0, 0, 2]
        assert Reward.objects.filter(key="tea").count() == 1
        assert CampaignVersion.objects.filter(campaign__key="weekend").count() == 1

    def test_with_somebody_who_publishes_on_a_page_both_get_through(
        self, designed: Program, base_rule: Campaign, administrator: User, noon: datetime
    ):
        raw = changed(document.export(designed), ("price: 900", "price: 950"), ("per: '1.00'", "per: '2.00'"))
        found = document.read(raw)
        draft = json.dumps(base_rule.draft)

        def work(number: int) -> str:
            if number % 2:
                wanted = json.loads(draft.replace('"1.00"', f'"{number}.50"'))
                campaigns.publish(Campaign.objects.get(key="base"), definition=wanted, by=None, at=noon)
                return "page"
            by = User.objects.get(pk=administrator.pk)
            applying.apply(found, program=designed, by=by, at=noon, publish=["base"])
            return "file"

        answers = races.at_once(4, work)

        assert sorted(answers) == ["file", "file", "page", "page"]
        assert Reward.objects.get(key="cake").price == 950
