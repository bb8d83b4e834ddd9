"""
A program to sell in, in the database of the environment: `python -m tests.e2e.ground` prints an API key.

For tests whose database is not pytest's own, such as one that is killed.
"""

import json
import os
from datetime import timedelta

import django


def prepare() -> str:
    """Ada with card 1001, a point for each euro, and a coffee for five points; the till's key."""
    from django.core.management import call_command
    from django.utils import timezone

    from loyalty.core.api.auth import SCOPES
    from rewards.planning import campaigns
    from tests import factories
    from tests.clients import PartnerClient

    call_command("migrate", verbosity=0)
    program = factories.ProgramFactory.create(key="coffee")
    points = factories.WalletTypeFactory.create(program=program)
    ada = factories.MemberFactory.create(program=program)
    factories.IdentifierFactory.create(member=ada, kind="card", value="1001")
    factories.RewardFactory.create(program=program, wallet_type=points, key="coffee", price=5)
    now = timezone.now()
    campaigns.publish(
        factories.CampaignFactory.create(program=program, key="base"),
        definition=factories.definition({"kind": "points_per_unit", "points": "1", "per": "1.00"}),
        by=None,
        at=now,
        effective_at=now - timedelta(days=1000),
    )
    partner = factories.PartnerFactory.create(program=program, key="till")
    return PartnerClient.of(partner, scopes=SCOPES).key


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    django.setup()
    print(json.dumps({"key": prepare()}))
