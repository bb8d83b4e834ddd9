"""What the admin's pages have in common: one program at a time, fast lists, facts that stay as they are."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from loyalty.core import audit
from loyalty.core.admin.pagination import InfinitePaginator
from loyalty.core.models import Program, User


def program_of(request: HttpRequest) -> Program | None:
    """The program that the person works in, chosen in the header."""
    return getattr(request, "program", None)


def user_of(request: HttpRequest) -> User:
    """The member of staff who asks: nobody else gets to a page of the admin."""
    assert isinstance(request.user, User)
    return request.user


class ThemedAdmin(ModelAdmin):
    """Lists that stay fast at a million rows, and the audit trail as the object's history."""

    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    list_filter_sheet = False
    warn_unsaved_form = True
    object_history_template = "admin/audit_trail.html"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No deleting in bulk: what is deleted at all, is deleted on its own page."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Named for what is in the list, not for what might be done with it."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A race that a constraint decided is told like the check that it got past."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:
            messages.error(request, _("Somebody else saved the same thing meanwhile. Nothing was changed."))
            return HttpResponseRedirect(request.get_full_path())

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who changed what, when, from what to what: see `loyalty.core.audit`."""
        instance = self.get_object(request, object_id)
        if instance is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        trail = {"trail": audit.trail(instance)}
        return super().history_view(request, object_id, {**trail, **(extra_context or {})})


class ProgramForm(ModelForm):  # type: ignore[type-arg]  # forms are no generics when they run
    """A form whose object belongs to the program in the header, before anything is checked about it."""

    program: Program | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.program is not None and self.instance._state.adding and hasattr(self.instance, "program_id"):
            self.instance.program = self.program

    def _get_validation_exclusions(self) -> set[str]:
        # Keys are unique per program, so that field is part of what is validated.
        return set(super()._get_validation_exclusions()) - {"program"}  # type: ignore[misc]  # not in the stubs


class ProgramModelAdmin(ThemedAdmin):
    """
    Pages for objects of one program: no other program's object is listed, found, chosen or opened.

    `program_path` is the look-up that leads from the object to its program.
    """

    program_path = "program"
    form = ProgramForm
    exclude: tuple[str, ...] = ("program",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        program = program_of(request)
        return rows.filter(**{self.program_path: program}) if program else rows.none()

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[Any]:
        form = super().get_form(request, obj, **kwargs)
        form.program = program_of(request)
        return form

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> models.QuerySet[Any]:
        return choices_in_program(db_field.remote_field.model, self.admin_site, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return program_of(request) is not None and super().has_add_permission(request)


class FactAdmin(ProgramModelAdmin):
    """What happened, to be read only: the database would refuse a change, so nothing here offers one."""

    has_history = False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {"show_history": self.has_history, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def choices_in_program(model: type[models.Model], site: Any, request: HttpRequest) -> models.QuerySet[Any]:
    """The objects of a model that may be chosen in a form: those that the model's own pages show."""
    page = site._registry.get(model)
    if page is not None:
        return page.get_queryset(request)
    if any(field.name == "program" for field in model._meta.get_fields()):
        return model._default_manager.filter(program=program_of(request))
    raise ImproperlyConfigured(f"Nothing says which objects of {model.__name__} belong to a program")


def render(
    request: HttpRequest, page: ModelAdmin, template: str, context: dict[str, Any]
) -> TemplateResponse:
    """A page of its own within the admin's frame."""
    request.current_app = page.admin_site.name
    frame = {**page.admin_site.each_context(request), "opts": page.opts, "model_admin": page}
    return TemplateResponse(request, template, {**frame, **context})
