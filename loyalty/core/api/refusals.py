"""What the API itself says no to, before any operation is asked: each with its stable code."""

from django.utils.translation import gettext_lazy as _

from loyalty.core.errors import DomainError, Extra, InvalidInput


class BadRequest(DomainError):
    """The request itself is broken: its address, its headers, its cursor or its filters."""

    code = "bad_request"
    status = 400
    title = _("The request cannot be understood")


class MalformedJSON(DomainError):
    """The body is no JSON (RFC 8259) in UTF-8, or is nested too deeply."""

    code = "malformed_json"
    status = 400
    title = _("The body is no valid JSON")


class InvalidBody(InvalidInput):
    """The body is JSON, and not of the shape that the operation takes; `errors` says where."""


class Unauthenticated(DomainError):
    """
    There is no valid API key or access token in `Authorization: Bearer`: none, or one that has ended.

    OAuth clients get a new token and send the same call again.
    """

    code = "unauthenticated"
    status = 401
    title = _("A valid API key or access token is needed")


class InvalidCredential(Unauthenticated):
    """There is a credential, and it is mistyped, unknown, expired or revoked."""


class Forbidden(DomainError):
    """The credential is valid, and may not do this."""

    code = "forbidden"
    status = 403
    title = _("The credential may not do this")


class MissingScope(Forbidden):
    """The credential is valid and lacks the scope that the operation asks for."""

    code = "missing_scope"
    title = _("The credential lacks a scope")
    extras = {
        "scope": Extra("members:read", _("The scope that the credential lacks")),
    }


class UnknownAddress(DomainError):
    """There is nothing at this address: see the list of operations."""

    code = "unknown_address"
    status = 404
    title = _("There is nothing at this address")


class MethodNotAllowed(DomainError):
    """The address exists and does not take this method; `Allow` names those that it takes."""

    code = "method_not_allowed"
    status = 405
    title = _("The address does not take this method")


class NotAcceptable(DomainError):
    """The `Accept` header rules out JSON, which is all that the API speaks, or the form of a docs page."""

    code = "not_acceptable"
    status = 406
    title = _("The answer has no form that the Accept header takes")


class BodyTooLarge(DomainError):
    """The body is larger than 5 MB: send fewer items in a call."""

    code = "body_too_large"
    status = 413
    title = _("The body is too large")


class UnsupportedMediaType(DomainError):
    """The body must be sent as `Content-Type: application/json`, in UTF-8 and uncompressed."""

    code = "unsupported_media_type"
    status = 415
    title = _("The body must be JSON")


class TooManyRequests(DomainError):
    """The credential made too many calls: wait for as long as `Retry-After` says."""

    code = "too_many_requests"
    status = 429
    title = _("Too many requests")
    extras = {
        "retry_after": Extra(12, _("Seconds to wait, as in the header Retry-After")),
        "violated_policies": Extra(
            ["burst"], _("The limits that are used up, by their names in the header RateLimit-Policy")
        ),
    }


class InternalError(DomainError):
    """A fault of ours, which is in our log under the answer's `X-Request-Id`. Nothing was changed."""

    code = "internal_error"
    status = 500
    title = _("Something went wrong on our side")


class Unavailable(DomainError):
    """The database cannot be reached, or is too busy. Nothing was changed: send the same call again."""

    code = "unavailable"
    status = 503
    title = _("The service is not available for the moment")
