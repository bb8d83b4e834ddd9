"""The cast: one program with a wallet type and a ladder, and the people and systems in it."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from loyalty.core.api import counters
from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program
from members.models import Member, Tier, TierLadder, WalletType
from rewards.models import Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

# A busy machine is slow: that says nothing of what is tested.
hypothesis.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("unhurried")


@pytest.fixture(autouse=True, scope="session")
def _static_files_come_from_the_apps() -> Iterator[None]:
    """Nobody has to collect them before the tests."""
    storages = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    with override_settings(STORAGES=storages, WHITENOISE_AUTOREFRESH=True, WHITENOISE_USE_FINDERS=True):
        yield


@pytest.fixture(autouse=True, scope="session")
def _strangers_are_not_stopped() -> Iterator[None]:
    """Tests knock without a credential more often than anybody should, and all from one address."""
    with override_settings(API_STRANGERS_PER_MINUTE=1_000_000):
        yield


@pytest.fixture(autouse=True, scope="session")
def _cache_is_shared_with_nobody() -> Iterator[None]:
    """Two test at once with one Redis. Nobody empties it: keys have ids in them that are new in each test."""
    own = settings.CACHES["default"] | {"KEY_PREFIX": os.environ.get("PYTEST_XDIST_WORKER", "")}
    with override_settings(CACHES={"default": own}):
        yield


@pytest.fixture(autouse=True, scope="session")
def _redis_is_waited_for() -> Iterator[None]:
    """A process that counts alone, as Redis was busy for a moment, would begin its counts anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counters, "PATIENCE", 30)
        patient = counters.Counters(settings.REDIS_URL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counters, "calls", patient)
        yield


@pytest.fixture(autouse=True, scope="session")
def _calls_are_logged_by_hand() -> Iterator[None]:
    """A thread with a connection of its own would write between the tests."""
    with override_settings(CALLS_ARE_WRITTEN_EVERY=0):
        yield


@receiver(connection_created)
def _may_be_emptied(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Tests that commit leave their database empty, which the ledger's tables do not let anyone do."""
    connection.connection.execute("SET regulars.may_be_emptied = 'yes'")


@pytest.fixture
def noon() -> datetime:
    """A Monday in June, when most stories of the tests happen."""
    return factories.NOON


@pytest.fixture
def program(db: None) -> Program:
    return factories.ProgramFactory.create(key="coffee")


@pytest.fixture
def points(program: Program) -> WalletType:
    """The spendable kind of points."""
    return factories.WalletTypeFactory.create(program=program)


@pytest.fixture
def ladder(program: Program, points: WalletType) -> TierLadder:
    """Basic from 0, silver from 1,000 and gold from 5,000 points."""
    ladder = factories.TierLadderFactory.create(program=program, wallet_type=points)
    for key, threshold in [("basic", 0), ("silver", 1_000), ("gold", 5_000)]:
        Tier.objects.create(ladder=ladder, key=key, name=key.title(), threshold=threshold)
    return ladder


@pytest.fixture
def ada(program: Program, points: WalletType) -> Member:
    """A member with card 1001."""
    ada = factories.MemberFactory.create(program=program)
    factories.IdentifierFactory.create(member=ada, kind="card", value="1001")
    return ada


@pytest.fixture
def till(program: Program) -> PartnerClient:
    """A partner of the program whose API key may do everything."""
    return PartnerClient.of(factories.PartnerFactory.create(program=program, key="till"), scopes=SCOPES)


@pytest.fixture
def outsider(db: None) -> PartnerClient:
    """A partner of another program, whose API key may do everything there."""
    elsewhere = factories.ProgramFactory.create(key="elsewhere")
    return PartnerClient.of(factories.PartnerFactory.create(program=elsewhere, key="till"), scopes=SCOPES)


@pytest.fixture
def base_rule(program: Program, points: WalletType, noon: datetime) -> Campaign:
    """A point for each whole euro, since long before the stories happen."""
    campaign = factories.CampaignFactory.create(program=program, key="base", name="A point for each euro")
    campaigns.publish(
        campaign,
        definition=factories.definition({"kind": "points_per_unit", "points": "1", "per": "1.00"}),
        by=None,
        at=noon,
        effective_at=noon - timedelta(days=1000),
    )
    program.refresh_from_db()
    return campaign


@pytest.fixture
def shop(program: Program, ladder: TierLadder, base_rule: Campaign, noon: datetime) -> Shop:
    """A partner's till that reports at noon, through the same operations as the API."""
    program.refresh_from_db()
    return Shop(program=program, at=noon)
