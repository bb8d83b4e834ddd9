"""Refusals: what the business says no to, in one shape for the API, the admin and jobs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


EXAMPLE_ID: Final = "01976c1e-5d7a-7000-8000-77d0c1f9a2e6"


class Extra(NamedTuple):
    """What a kind of problem tells besides the usual (RFC 9457, 3.2): how it looks, what it means."""

    example: Any
    meaning: "_StrOrPromise"


class DomainError(Exception):
    """
    A request that is understood and refused; nothing was changed.

    `code` is stable and machine-readable, `status` the HTTP status, `title` the same for every
    refusal of the class; the message tells a person what to do. `pointer` names the field of a
    JSON body that is at fault (RFC 6901, as "#/lines/0/quantity"), `extra` goes into the problem
    document as additional members, which `extras` describes. What `passes` is over by itself soon: the
    same call can be sent again.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    title: ClassVar["_StrOrPromise"] = _("The request was refused")
    passes: ClassVar[bool] = False
    extras: ClassVar[Mapping[str, Extra]] = {}

    def __init__(self, detail: str = "", *, pointer: str | None = None, **extra: Any) -> None:
        self.detail = detail or str(self.title)
        super().__init__(self.detail)
        self.pointer = pointer
        self.extra = extra


class InvalidInput(DomainError):
    """Something in the request's content cannot be accepted; `pointer` says where."""

    code = "invalid_input"
    status = 422
    title = _("The input is invalid")


class NotFound(DomainError):
    """There is no such object in this program."""

    code = "not_found"
    status = 404
    title = _("Not found")
