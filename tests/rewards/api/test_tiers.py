from datetime import timedelta

from members.models import Tier
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop


class TestTiers:
    def test_show_the_rungs_from_the_lowest_to_the_highest(self, till, ladder):
        Tier.objects.filter(key="silver").update(expiry_rule="months", expires_after=24)

        (found,) = till.get("/v1/tiers").json()["data"]

        assert (found["key"], found["name"], found["wallet_type"]) == ("status", "Status", "points")
        assert [(rung["key"], rung["threshold"]) for rung in found["tiers"]] == [
            ("basic", 0), ("silver", 1000), ("gold", 5000)
        ]  # fmt: skip
        assert [rung["benefits"]["points_expire"] for rung in found["tiers"]] == [
            None,
            {"rule": "months", "after": 24, "on_date": None},
            None,
        ]

    def test_tell_what_is_for_those_of_a_tier_alone(self, till, shop: Shop, django_assert_num_queries):
        over_50 = {"fact": "sale.amount", "operator": "gte", "value": "50.00"}
        campaigns.publish(
            factories.CampaignFactory.create(program=shop.program, key="weeks", name="Silver weeks"),
            definition=factories.definition(
                {"kind": "fixed_points", "points": 100},
                conditions={"all": [over_50]},
                audience={"tiers": ["silver", "gold"]},
            ),
            by=None,
            at=shop.at,
            effective_at=shop.at - timedelta(days=9),
        )
        other = factories.TierLadderFactory.create(
            program=shop.program,
            key="zeal",
            wallet_type=factories.WalletTypeFactory(program=shop.program, key="z"),
        )
        factories.TierFactory.create(ladder=other, key="silver")
        till.get("/v1/tiers")

        with django_assert_num_queries(5):
            zeal, status = till.get("/v1/tiers").json()["data"]

        told = {
            "campaign": "weeks",
            "name": "Silver weeks",
            "text": "For every sale of at least €50.00: 100 points.",
        }
        assert [rung["benefits"]["campaigns"] for rung in status["tiers"]] == [[], [told], [told]]
        assert zeal["tiers"][0]["benefits"]["campaigns"] == []

    def test_are_the_programs_own(self, outsider, ladder):
        assert outsider.get("/v1/tiers").json()["data"] == []
