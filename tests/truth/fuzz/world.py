"""What the fuzzer meets: a live program with all that calls can name, a sandbox, and what is kept of both."""

from dataclasses import dataclass
from uuid import uuid4

from django.db import connection

from integrations import credentials
from integrations.models import Partner
from integrations.models.quota import MOST
from loyalty.core.api.auth import SCOPES
from loyalty.core.models import Program, ProgramKind
from members import reasons
from members.models import EventType, Segment
from rewards.models import Reward
from tests.bench import program as bench
from tests.truth.fuzz.calls import MEMBERS

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
        partner = Partner.objects.get(program=program, key="till")
        credential, key = credentials.issue(partner=partner, name="Fuzz", scopes=SCOPES, by=None)
        credentials.limit(credential, per_minute=MOST, per_hour=MOST, by=None)
        return key


def make() -> World:
    live = bench.make(members=MEMBERS).program
    reasons.set_up_usual(live)
    Segment.objects.create(program=live, key="vip", name="VIP", kind="list")
    EventType.objects.create(program=live, name="app.login", label="Login")
    live.wallet_types.update(transfers_to="anyone")
    Reward.objects.filter(program=live, key="coffee").update(price=2)
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
