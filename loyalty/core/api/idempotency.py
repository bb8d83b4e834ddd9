"""
Every call that changes something can be repeated, and has its effect once.

Note [Idempotency]
~~~~~~~~~~~~~~~~~~
A caller names its call with an `Idempotency-Key`. The answer is stored under (partner, key) in the
transaction of the effect, so that both are there or neither. Whoever repeats the call gets the
stored answer; whoever uses the key for another call is told so. Of two that run at the same time,
one inserts the record and the other waits at the unique index until the first has committed.

Stored are 2xx and business refusals (409 and 422 of an operation): repeated later, they must not
suddenly succeed. Not stored is what says nothing about the effect: a body of the wrong shape, a
missing scope, an unknown object, a fault of ours, and what is over by itself soon.

There are two ways to keep it. `@idempotent` wraps a view's method for ordinary work. A journey that
writes a single statement puts `Key.row()` into its own batch, as `once()` asks it to.

Nobody waits for long: not for the first call, nor for others who hold the same member. A repeat that has
waited in vain is answered 409, and whoever was held up by another call 503; either may come again.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final
from uuid import UUID

import msgspec
from django.db import IntegrityError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.errors import LockNotAvailable
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import db
from loyalty.core.api import auth, parsing, problem, refusals, rendering
from loyalty.core.errors import DomainError, Extra
from loyalty.core.ids import new_id
from loyalty.core.models import IdempotencyRecord

if TYPE_CHECKING:  # it loads the authentication, which stands on this module
    from rest_framework.views import APIView

FIELDS: Final = ("id", "partner_id", "key", "fingerprint", "status", "body", "created_at")
CONSTRAINT: Final = "one_answer_per_idempotency_key"
PATIENCE_SECONDS: Final = 5

PRINTABLE: Final = r"^[\x20-\x7e]{1,255}$"
"""What a key is made of; also for the docs."""
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


class MissingIdempotencyKey(refusals.BadRequest):
    """Each call that changes something needs an `Idempotency-Key` header, new for each new intention."""

    code = "idempotency_key_missing"
    title = gettext_lazy("An Idempotency-Key is needed")


class InvalidIdempotencyKey(refusals.BadRequest):
    """The `Idempotency-Key` is not 1 to 255 printable ASCII characters."""

    code = "idempotency_key_invalid"
    title = gettext_lazy("The Idempotency-Key is invalid")


class IdempotencyKeyReused(DomainError):
    """The `Idempotency-Key` belongs to an earlier call with other content. Use a new one."""

    code = "idempotency_key_reused"
    status = 422
    title = gettext_lazy("The Idempotency-Key belongs to another call")


class RequestInProgress(DomainError):
    """The first call with this `Idempotency-Key` is still running. Send it again after `Retry-After`."""

    code = "request_in_progress"
    status = 409
    title = gettext_lazy("The same call is still running")
    passes = True
    extras = {
        "retry_after": Extra(5, gettext_lazy("Seconds to wait, as in the header Retry-After")),
    }


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What the first call with a key was answered; the body is JSON text."""

    fingerprint: bytes
    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Key:
    """A call's key with the fingerprint of the call."""

    partner_id: UUID
    text: str
    fingerprint: bytes
    found: StoredAnswer | None

    def row(self, *, status: int, body: Any) -> tuple[Any, ...]:
        """The answer as a row of `IdempotencyRecord`, in the order of `FIELDS`."""
        plain = msgspec.to_builtins(body, str_keys=True)
        return (new_id(), self.partner_id, self.text, self.fingerprint, status, plain, timezone.now())


def header(request: HttpRequest) -> str | None:
    """
    The key as the caller meant it, bare or quoted; None without the header.

    :raises InvalidIdempotencyKey: if it is empty, too long or not printable ASCII
    """
    given = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if given is None:
        return None
    if quoted := _QUOTED.fullmatch(given):
        given = re.sub(r"\\(.)", r"\1", quoted[1])
    if not re.fullmatch(PRINTABLE, given):
        raise InvalidIdempotencyKey(_("An Idempotency-Key has 1 to 255 printable ASCII characters."))
    return str(given)


def begin(request: Request, caller: auth.Caller) -> Key:
    """
    The key of this call.

    :raises MissingIdempotencyKey: without the header
    :raises InvalidIdempotencyKey: if it cannot be a key
    :raises MalformedJSON: if the body is none
    """
    text = header(request._request)
    if text is None:
        raise MissingIdempotencyKey(_("Send an Idempotency-Key header, new for each new call."))
    # The authentication has looked for the answer in the statement that found the credential.
    found = getattr(request._request, "stored_answer", None)
    return Key(caller.partner_id, text, _fingerprint(request), found)


def _fingerprint(request: Request) -> bytes:
    raw = request._request
    content = None if parsing.is_empty(request) else parsing.loads(parsing.body(request))
    call = f"{raw.method}\n{raw.path}\n{raw.META.get('QUERY_STRING', '')}\n".encode("utf-8", "surrogatepass")
    return hashlib.sha256(call + parsing.canonical(content)).digest()


def stored(key: Key, *, look_again: bool = False) -> StoredAnswer | None:
    """
    The answer that an earlier call with this key got.

    `look_again` asks the database for what was committed since the call came in.

    :raises IdempotencyKeyReused: if that was another call
    """
    found = look_up(key) if look_again else key.found
    if found is not None and found.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused(_("This Idempotency-Key was used for a call with other content."))
    return found


_LOOK_UP: Final = """
SELECT fingerprint, status, body FROM core_idempotencyrecord WHERE partner_id = $1 AND key = $2
"""


def look_up(key: Key) -> StoredAnswer | None:
    rows = db.fetch(_LOOK_UP, [key.partner_id, key.text])
    return StoredAnswer(*rows[0]) if rows else None


def lost_race(error: IntegrityError) -> bool:
    """Whether a batch was refused because another call with the same key committed first."""
    return CONSTRAINT in str(error)


def replay(answer: StoredAnswer) -> HttpResponse:
    """The stored answer, marked as such."""
    media_type = problem.MEDIA_TYPE if answer.status >= 400 else rendering.MEDIA_TYPE
    headers = {"Idempotent-Replayed": "true"}
    return HttpResponse(answer.body, status=answer.status, headers=headers, content_type=media_type)


_KEEP: Final = """
INSERT INTO core_idempotencyrecord (id, partner_id, key, fingerprint, status, body, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (partner_id, key) DO NOTHING RETURNING id
"""


def refuse(key: Key, refusal: DomainError, request: Request) -> HttpResponse:
    """
    Answer with a final refusal and keep it, where the operation has undone everything by itself.

    Raises the refusal again if it is not final.
    """
    if not is_final(refusal):
        raise refusal
    kept = _keep(key, refusal.status, problem.document(refusal, path=request._request.path))
    return kept or problem.response(refusal, request._request)


def keep(key: Key, *, status: int, body: Any) -> HttpResponse:
    """Answer a call that had nothing to write, as its effect was there already, and keep the answer."""
    return _keep(key, status, body) or rendering.answer(body, status=status)


def _keep(key: Key, status: int, body: Any) -> HttpResponse | None:
    """Store the answer; if another call with the key was quicker, its answer is returned instead."""
    told = rendering.dumps(body).decode()
    parameters = [new_id(), key.partner_id, key.text, key.fingerprint, status, told, timezone.now()]
    if db.fetch(_KEEP, parameters):
        return None
    answer = stored(key, look_again=True)
    assert answer is not None, "the answer was not kept because there is one"
    return replay(answer)


def is_final(refusal: DomainError) -> bool:
    """Whether the refusal answers the call for good; others say nothing about its effect."""
    is_about_things = refusal.status in (409, 422) and not isinstance(refusal, refusals.InvalidBody)
    return is_about_things and not refusal.passes


def idempotent[V: APIView, **P](
    handler: Callable[Concatenate[V, Request, P], Response],
) -> Callable[Concatenate[V, Request, P], HttpResponseBase]:
    """Make a view's method answer repeated calls as Note [Idempotency] says."""

    @wraps(handler)
    def once(view: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        key = begin(request, auth.caller(request))
        if (answer := stored(key)) is None:
            first = _first(key, request, lambda: handler(view, request, *args, **kwargs))
            if first is not None:
                return first
            answer = stored(key, look_again=True)
            assert answer is not None, "the claim failed because the record is there"
        return replay(answer)

    once.is_idempotent = True  # type: ignore[attr-defined]  # read by the schema
    return once


def _first(key: Key, request: Request, work: Callable[[], Response]) -> Response | None:
    """The answer of the work, stored in its transaction; None if another call was quicker."""
    with transaction.atomic():
        record_id = _claim(key)
        if record_id is None:
            return None
        response = _outcome(work, request)
        body = rendering.dumps(response.data).decode()
        db.fetch(
            "UPDATE core_idempotencyrecord SET status = $1, body = $2::jsonb WHERE id = $3",
            [response.status_code, body, record_id],
        )
        return response


_CLAIM: Final = """
INSERT INTO core_idempotencyrecord (id, partner_id, key, fingerprint, status, body, created_at)
VALUES ($1, $2, $3, $4, 200, 'null', $5) ON CONFLICT (partner_id, key) DO NOTHING RETURNING id
"""


def _claim(key: Key, *, patience: float | None = None) -> UUID | None:
    """Insert the record with no answer yet; waits for a running first call, and not for long."""
    milliseconds = int((PATIENCE_SECONDS if patience is None else patience) * 1000)
    db.fetch("SELECT set_config('lock_timeout', $1, true)", [f"{milliseconds}ms"])
    parameters = [new_id(), key.partner_id, key.text, key.fingerprint, timezone.now()]
    try:
        rows = db.fetch(_CLAIM, parameters)
    except OperationalError as error:
        if not _waited_in_vain(error):
            raise
        detail = _("The first call with this Idempotency-Key is still running.")
        raise RequestInProgress(detail, retry_after=PATIENCE_SECONDS) from None
    return rows[0][0] if rows else None


def _waited_in_vain(error: OperationalError) -> bool:
    return isinstance(error.__cause__, LockNotAvailable)


_A_MOMENT: Final = 0.05  # seconds


def _answer_of_the_first(key: Key) -> StoredAnswer | None:
    """
    What another call with the key was answered in the meantime; None if there is no such call.

    :raises RequestInProgress: if it is still running
    """
    with transaction.atomic():
        is_the_first = _claim(key, patience=_A_MOMENT) is not None
        transaction.set_rollback(True)
    return None if is_the_first else stored(key, look_again=True)


def _outcome(work: Callable[[], Response], request: Request) -> Response:
    try:
        with transaction.atomic():
            return work()
    except DomainError as refusal:
        if not is_final(refusal):
            raise
        body = problem.document(refusal, path=request._request.path)
        return Response(body, refusal.status, content_type=problem.MEDIA_TYPE)


Write = Callable[[Callable[[db.Batch, Any], None]], Any]


def once(
    request: Request,
    write: Write,
    *,
    body: Callable[[Any], Any],
    status: int | Callable[[Any], int] = 201,
) -> HttpResponse:
    """
    Answer a call that has its effect once: the stored answer goes into the statement of the effect.

    `write` performs the operation and hands it what else to write; `body` and `status` make the answer
    from its result. See Note [Idempotency].
    """
    key = begin(request, auth.caller(request))
    if answer := stored(key):
        return replay(answer)

    prepared: list[tuple[Any, Any]] = []

    def status_of(result: Any) -> int:
        return status if isinstance(status, int) else status(result)

    def also(batch: db.Batch, result: Any) -> None:
        prepared[:] = [(result, body(result))]
        row = key.row(status=status_of(result), body=prepared[0][1])
        batch.insert(IdempotencyRecord, FIELDS, [row])

    try:
        result = write(also)
    except DomainError as refusal:
        return refuse(key, refusal, request)
    except IntegrityError as error:
        if not lost_race(error):
            raise
        answer = stored(key, look_again=True)
        assert answer is not None, "the race was lost to a committed answer"
        return replay(answer)
    except OperationalError as error:
        # How long a web process waits for any lock is said in `loyalty.wsgi`.
        if not _waited_in_vain(error) or (answer := _answer_of_the_first(key)) is None:
            raise
        return replay(answer)
    for written, told in prepared:
        # What was prepared by an attempt that lost is not what came of the call.
        if written is result:
            return rendering.answer(told, status=status_of(result))
    return keep(key, status=status_of(result), body=body(result))
