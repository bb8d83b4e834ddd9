"""Pages of the admin that are no lists and no forms of a model: for a program, and for those who may."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from loyalty.core.admin.base import program_of
from loyalty.core.models import Program

View = Callable[Concatenate[HttpRequest, Program, ...], HttpResponseBase]


def program_page(permission: str) -> Callable[[View], Callable[..., HttpResponseBase]]:
    """A page about the program that one works in, for those who have the permission there."""

    def decorate(view: View) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def shown(request: HttpRequest, **where: Any) -> HttpResponseBase:
            program = program_of(request)
            if program is None or not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, program, **where)

        return cast("Callable[..., HttpResponseBase]", admin.site.admin_view(shown))

    return decorate
