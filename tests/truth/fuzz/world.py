"""What the fuzzer meets: a live program with all that calls can name, a sandbox, and what is kept of both."""

from dataclasses import dataclass
from uuid import uuid4

from django.db import connection

from integrations import credentials
from integrations.models import Credential, CredentialKind, Partner
from integrations.models.quota import MOST
from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program, ProgramKind
from members import reasons
from members.models import EventType, Segment
from rewards.models import Reward
from tests.bench import program as bench
from tests.truth.fuzz.callers import MEMBERS
from tests.truth.fuzz.oauth import Client

_BESIDE = frozenset(
    {
        # What the door itself notes of any call, and what a final refusal leaves for its repeat.
        "core_idempotencyrecord",
        "integrations_accesstoken",
        "integrations_call",
        "integrations_credential",
        "django_session",
    }
)


@dataclass(frozen=True)
class World:
    live: Program
    sandbox: Program

    def key(self, *, of_sandbox: bool = False) -> str:
        """A new API key that may do everything as often as it likes."""
        program = self.sandbox if of_sandbox else self.live
        return self._issued(program, CredentialKind.API_KEY)[1]

    def client(self) -> Client:
        """A new OAuth client that may do as much."""
        credential, secret = self._issued(self.live, CredentialKind.OAUTH_CLIENT)
        return Client(credential.client_id, secret)

    def _issued(self, program: Program, kind: str) -> tuple[Credential, str]:
        partner = Partner.objects.get(program=program, key="till")
        credential, text = credentials.issue(partner=partner, name="Fuzz", scopes=SCOPES, by=None, kind=kind)
        credentials.limit(credential, per_minute=MOST, per_hour=MOST, by=None)
        return credential, text


def make() -> World:
    live = bench.make(members=MEMBERS).program
    reasons.set_up_usual(live)
    Segment.objects.create(program=live, key="vip", name="VIP", kind="list")
    EventType.objects.create(program=live, name="app.login", label="Login")
    # A hundred points pay a euro, and both rewards are cheap enough to be bought again and again.
    live.wallet_types.update(transfers_to="anyone", checkout_points=100, checkout_amount=1)
    Reward.objects.filter(program=live, key="coffee").update(price=2, has_voucher=True)
    Reward.objects.create(
        program=live,
        key="five-off",
        name="Five off",
        wallet_type=live.wallet_types.get(),
        price=3,
        discount_kind="amount",
        discount_amount=5,
    )
    sandbox = Program.objects.create(
        key=f"fuzz-{uuid4().hex[:8]}", name="Fuzz", currency="EUR", kind=ProgramKind.SANDBOX
    )
    Partner.objects.create(program=sandbox, key="till", name="Tills")
    return World(live, sandbox)


def digest() -> dict[str, tuple[int, str]]:
    """Rows and their sum, table by table."""
    with connection.cursor() as cursor:
        tables = sorted(set(connection.introspection.table_names(cursor)) - _BESIDE)
        found = {}
        for table in tables:
            name = connection.ops.quote_name(table)
            # No value comes from outside: the names are the database's own.
            cursor.execute(f"SELECT count(*), sum(hashtextextended(t::text, 0)::numeric)::text FROM {name} t")  # noqa: S608
            found[table] = cursor.fetchone()
    return found
