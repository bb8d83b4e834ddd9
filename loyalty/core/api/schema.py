"""
The OpenAPI text: what partners read is said beside the view that does it.

A view's method is described with `@operation(…)`; what it takes and answers are `msgspec` structs (or
serializers), its scope is the one that the view enforces. `tests/test_schema.py` holds all to it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Final

import msgspec
from django.utils.translation import gettext_lazy as _
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter, OpenApiResponse

from loyalty.core.api import auth, bulk, components, etags, idempotency, problem, refusals
from loyalty.core.api.deprecation import Deprecation
from loyalty.core.errors import DomainError, InvalidInput

_ALWAYS: Final = (
    refusals.Unauthenticated,
    refusals.TooManyRequests,
    refusals.InternalError,
    refusals.Unavailable,
)
_WITH_A_BODY: Final = (
    refusals.MalformedJSON,
    refusals.BodyTooLarge,
    refusals.UnsupportedMediaType,
    InvalidInput,
)
_WITH_A_KEY: Final = (
    idempotency.MissingIdempotencyKey,
    idempotency.InvalidIdempotencyKey,
    idempotency.IdempotencyKeyReused,
    idempotency.RequestInProgress,
)
_WITH_A_TAG: Final = (etags.PreconditionRequired, etags.PreconditionFailed)
_KEY_PARAMETER: Final = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": idempotency.PRINTABLE},
    location=OpenApiParameter.HEADER,
    required=True,
    description=_("1 to 255 printable ASCII characters, new for each new call; repeats send the same."),
)
_REPLAYED: Final = _("`true` where this is the stored answer of an earlier call with the same key.")
_MATCH_PARAMETER: Final = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    required=True,
    description=_("The `ETag` of what you have read: who has seen an older state changes nothing."),
)
_TAG: Final = _("Names this very state; send it as `If-Match` to change it.")
_LIMIT_HEADERS: Final = (
    OpenApiParameter(
        "RateLimit-Policy",
        location=OpenApiParameter.HEADER,
        response=True,
        description=_("How many calls (`q`) this credential has in how many seconds (`w`)."),
    ),
    OpenApiParameter(
        "RateLimit",
        location=OpenApiParameter.HEADER,
        response=True,
        description=_("How many calls are left (`r`), and in how many seconds (`t`) there are all again."),
    ),
)
_WAIT: Final = _("Seconds to wait before the call is sent again.")
_END_HEADERS: Final = tuple(
    OpenApiParameter(name, location=OpenApiParameter.HEADER, response=True, description=text)
    for name, text in (
        ("Deprecation", _("Since when it should not be used any more: `@` and a Unix time (RFC 9745).")),
        ("Sunset", _("When it ends (RFC 8594).")),
        ("Link", _('With `rel="deprecation"`: the page that says what to use instead.')),
    )
)


# What stands for the parts of addresses in examples of refusals.
_SAMPLE_ID: Final = "01976c1e-5d7a-7000-8000-3a52e6e1d0b4"
_SAMPLES: Final = {
    "reference": "card:1001",
    "identifier": "card:1001",
    "key": "summer",
    "reward_key": "free-coffee",
}


class Fault(msgspec.Struct):
    """One thing that is wrong with the body, and where: a JSON pointer (RFC 6901)."""

    detail: str
    pointer: str


class Problem(msgspec.Struct):
    """
    Why a call was refused (RFC 9457). Programs go by `code`, people by `detail`.

    There may be further members, such as `available` where the code is `insufficient_points`.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[Fault] = []


def leave_problems_open(result: Any, generator: object, request: object, public: object) -> Any:
    """Say that problems have further members, for strict readers: a postprocessing hook."""
    if told := result["components"]["schemas"].get(Problem.__name__):
        told["additionalProperties"] = True
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the docs say about one operation, beyond what its view enforces."""

    id: str
    tag: str
    summary: str
    description: str
    answer: Any
    """The body; None if there is none (204)."""
    example: Any = None
    status: int = 200
    takes: Any = None
    takes_example: Any = None
    refuses: tuple[type[DomainError], ...] = ()
    parameters: tuple[OpenApiParameter, ...] = ()
    also_answers: tuple[tuple[int, type, Any], ...] = ()
    """Other ways to succeed: status, body and example."""
    more_examples: tuple[tuple[str, int | None, Any], ...] = ()
    """Further examples: name, status of the answer (None for a call), value."""
    is_keyed: bool = False
    """Whether it takes an Idempotency-Key."""
    has_tag: bool = False
    """Whether its answer has an ETag."""
    deprecated: Deprecation | None = None
    """Set where it will go."""
    edits: bool = False
    """Whether it needs an If-Match."""


def operation[F: Callable[..., Any]](*, changes: bool = True, **said: Any) -> Callable[[F], F]:
    """
    Describe a view's method: the fields of `Operation` as keywords.

    A POST that takes a body takes an Idempotency-Key too, unless it changes nothing; one without a body
    says so with `is_keyed=True`. `takes_many` and `answers_many` name the item and the body of a bulk
    call, see `loyalty.core.api.bulk`.
    """
    if item := said.pop("takes_many", None):
        said |= _of_many(said["id"], item, said.pop("answers_many"))
        changes = False

    def mark(handler: F) -> F:
        by_default = changes and handler.__name__ == "post" and said.get("takes") is not None
        described = {"is_keyed": by_default, "has_tag": said.get("edits", False), **said}
        handler.operation = Operation(**described)  # type: ignore[attr-defined]
        return handler

    return mark


def _of_many(operation_id: str, item: Any, body: Any) -> dict[str, Any]:
    name = operation_id.title().replace("_", "")
    return {
        "takes": bulk.call_of(f"{name}Call", item),
        "answer": bulk.results_of(f"{name}Results", body, Problem),
        "status": 207,
    }


class OperationSchema(AutoSchema):
    """Reads what `@operation` said, and the scope that the view states."""

    @property
    def _operation(self) -> Operation:
        name = getattr(self.view, "action", None) or self.method.lower()
        found: Operation | None = getattr(getattr(self.view, name), "operation", None)
        assert found is not None, f"{self.method} {self.path} is not described: use @operation"
        return found

    @property
    def scopes(self) -> list[str]:
        """Those that are enough; none, where any valid credential may call."""
        enough = auth.sufficient(self.view, self.method.lower())
        return [scope for scope in enough if scope != auth.ANY_SCOPE]

    def get_operation_id(self) -> str:
        return self._operation.id

    def get_tags(self) -> list[str]:
        return [self._operation.tag]

    def get_summary(self) -> str:
        return self._operation.summary

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        names = _(" or ").join(f"`{scope}`" for scope in self.scopes)
        scope = _("Scope: %s.") % names if names else _("Any valid credential.")
        return f"{cleandoc(self._operation.description)}\n\n{scope}"

    def is_deprecated(self) -> bool:
        return self._operation.deprecated is not None

    def get_extensions(self) -> dict[str, Any]:
        return {"x-scopes": self.scopes}

    def get_request_serializer(self) -> Any:
        taken = self._operation.takes
        if taken is None or isinstance(taken, type):
            return taken
        # One of several structs, told apart by a field of theirs.
        return {"application/json": components.add(self.registry, taken)}

    def get_response_serializers(self) -> Any:
        said = self._operation
        answers: dict[Any, Any] = {
            (status, "application/json"): _answered(self.registry, answer)
            for status, answer, _example in ((said.status, said.answer, said.example), *said.also_answers)
        }
        for status, kinds in self._refusals().items():
            answers[status, problem.MEDIA_TYPE] = _refused(kinds, self.path)
        return answers

    def _refusals(self) -> dict[int, list[type[DomainError]]]:
        said = self._operation
        kinds: list[type[DomainError]] = [*_ALWAYS, *said.refuses]
        if self.scopes:
            kinds.append(refusals.MissingScope)
        if said.takes is not None or said.is_keyed:
            kinds += _WITH_A_BODY
        if said.is_keyed:
            kinds += _WITH_A_KEY
        if said.edits:
            kinds += _WITH_A_TAG
        by_status: dict[int, list[type[DomainError]]] = defaultdict(list)
        for kind in sorted(dict.fromkeys(kinds), key=lambda kind: (kind.status, kind.code)):
            by_status[kind.status].append(kind)
        return by_status

    def _get_response_bodies(self, direction: Direction = "response") -> Any:
        answers = super()._get_response_bodies(direction)
        for status, kinds in self._refusals().items():
            answers[str(status)]["x-codes"] = [kind.code for kind in kinds]
        return answers

    def _get_request_body(self, direction: Direction = "request") -> Any:
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]  # typed in part
        # Also where each of its fields may be left out: an empty object is sent then.
        return body and body | {"required": True}

    def get_examples(self) -> list[OpenApiExample]:
        said = self._operation
        answers = ((said.status, said.answer, said.example), *said.also_answers)
        examples = [
            _example(_("Answer"), example, response_only=True, status=status)
            for status, kind, example in answers
            if kind is not None
        ]
        if said.takes_example is not None:
            examples.append(_example(_("Call"), said.takes_example, request_only=True))
        for name, status, example in said.more_examples:
            only = {"request_only": True} if status is None else {"response_only": True}
            examples.append(_example(name, example, status=status, **only))
        return examples

    def get_override_parameters(self) -> list[Any]:
        said = self._operation
        done = [str(status) for status in (said.status, *(also[0] for also in said.also_answers))]
        # Of refusals, only those are kept that are final: see `idempotency.is_final`.
        replayed = _header("Idempotent-Replayed", _REPLAYED, [*done, "409", "422"])
        keyed = [_KEY_PARAMETER, replayed] if said.is_keyed else []
        wait = _header("Retry-After", _WAIT, ["429", "503", *(["409"] if said.is_keyed else [])], int)
        tagged = [_header("ETag", _TAG, done)] if said.has_tag else []
        edited = [_MATCH_PARAMETER] if said.edits else []
        ends = _END_HEADERS if said.deprecated else ()
        return [*said.parameters, *keyed, *tagged, *edited, *_LIMIT_HEADERS, wait, *ends]


def _header(name: str, about: Any, statuses: list[str], kind: type = str) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, response=statuses, description=str(about))


def _example(name: Any, value: Any, *, status: int | None = None, **only: Any) -> OpenApiExample:
    codes = [str(status)] if status else None
    return OpenApiExample(str(name), msgspec.to_builtins(value), status_codes=codes, **only)


def _answered(registry: ComponentRegistry, answer: Any) -> OpenApiResponse:
    if answer is None:
        return OpenApiResponse(None, str(_("Done; there is nothing to say.")))
    if isinstance(answer, type):
        return OpenApiResponse(answer, described(answer))
    # One of several structs.
    return OpenApiResponse(components.add(registry, answer), str(_("One of these.")))


def _refused(kinds: Iterable[type[DomainError]], path: str) -> OpenApiResponse:
    lines, examples = [], []
    called = re.sub(r"{(\w+)}", lambda place: _SAMPLES.get(place[1], _SAMPLE_ID), path)
    for kind in kinds:
        lines.append(f"- `{kind.code}`: {described(kind)}")
        body = problem.document(problem.sample(kind), path=called)
        examples.append(
            OpenApiExample(
                kind.code,
                body,
                response_only=True,
                status_codes=[str(kind.status)],
                media_type=problem.MEDIA_TYPE,
            )
        )
    return OpenApiResponse(Problem, "\n".join(lines), examples=examples)


def described(kind: type) -> str:
    """The first paragraph of its docstring."""
    return " ".join(cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())
