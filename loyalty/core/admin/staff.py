"""Who works here: roles per program for administrators, accounts for superusers."""

from typing import Any

import allauth.account.admin  # noqa: F401
import allauth.mfa.admin  # noqa: F401  # both register their pages now, so that they can be taken away
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from loyalty.core.admin.base import ProgramForm, ProgramModelAdmin, ThemedAdmin
from loyalty.core.models import Assignment, Role, User

for model in (Group, EmailAddress, Authenticator):
    admin.site.unregister(model)


class AssignmentForm(ProgramForm):
    """
    Somebody's role in this program. A person who is new here gets an account with it.

    Existing accounts are only given the role: an administrator of one program has no say over the
    account of somebody who also works in another.
    """

    email = forms.EmailField(label=_("E-mail"), widget=UnfoldAdminEmailInputWidget)
    full_name = forms.CharField(
        label=_("Name"),
        max_length=150,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Of a person who is new here."),
    )
    password = forms.CharField(
        label=_("First password"),
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget,
        help_text=_(
            "Of a person who is new here. Without one they choose it by “Forgot your password?” at log-in."
        ),
    )

    class Meta:
        model = Assignment
        fields = ("role",)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if email := values.get("email"):
            person = User.objects.filter(email__iexact=email).first()
            self.instance.user = person or User(
                email=email, first_name=values.get("full_name", ""), is_staff=True
            )
            if person is None and values.get("password"):
                self._check_password(values["password"])
            if person and Assignment.objects.filter(user=person, program=self.program).exists():
                self.add_error("email", _("This person already has a role in the program."))
        return values

    def _check_password(self, password: str) -> None:
        try:
            validate_password(password, self.instance.user)
        except forms.ValidationError as error:
            self.add_error("password", error)

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() | {"user"}


class RoleForm(ProgramForm):
    class Meta:
        model = Assignment
        fields = ("role",)


@admin.register(Assignment)
class AssignmentAdmin(ProgramModelAdmin):
    """The staff of the program."""

    list_display = ("person", "shown_role", "last_seen")
    list_select_related = ("user",)
    sortable_by = ()
    ordering = ("user__email", "pk")
    search_fields = ("user__email", "user__first_name", "user__last_name")
    search_help_text = _("E-mail or name")
    readonly_fields = ("user",)

    def get_form(self, request: HttpRequest, obj: Assignment | None = None, **kwargs: Any) -> type[Any]:
        kwargs["form"] = RoleForm if obj else AssignmentForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Assignment | None = None) -> tuple[str, ...]:
        return ("user", "role") if obj else ("email", "full_name", "role", "password")

    def get_readonly_fields(self, request: HttpRequest, obj: Assignment | None = None) -> tuple[str, ...]:
        if obj and obj.user_id == request.user.pk:
            return ("user", "role")  # nobody locks themselves out by a slip
        return ("user",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Assignment | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.user_id != request.user.pk)

    def save_model(self, request: HttpRequest, obj: Assignment, form: Any, change: bool) -> None:
        if obj.user._state.adding:
            password = form.cleaned_data["password"]
            obj.user.set_password(password or None)
            obj.user.save()
            obj.user = obj.user
        super().save_model(request, obj, form, change)

    @display(description=_("person"), header=True)
    def person(self, assignment: Assignment) -> tuple[str, str]:
        return str(assignment.user), assignment.user.email

    @display(
        description=_("role"),
        label={
            Role.MARKETER: "primary",
            Role.SUPPORT: "info",
            Role.FINANCE: "success",
            Role.OPERATOR: "warning",
            Role.ADMINISTRATOR: "danger",
        },
    )
    def shown_role(self, assignment: Assignment) -> tuple[str, str]:
        return assignment.role, assignment.get_role_display()

    @display(description=_("last log-in"))
    def last_seen(self, assignment: Assignment) -> Any:
        return assignment.user.last_login


@admin.register(User)
class UserAdmin(ThemedAdmin, DjangoUserAdmin):  # type: ignore[misc,type-arg]
    """All accounts of the installation, for its superusers; roles are given on the staff page."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "full_name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("email__istartswith", "last_name__istartswith")
    filter_horizontal = ()
    ordering = ("email", "pk")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "first_name", "last_name")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "password1", "password2", "is_staff")}),
    )
    actions = ("remove_second_factor",)

    @action(description=_("Remove second factor"), permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, queryset: models.QuerySet[User]) -> None:
        """For people who lost their phone and their recovery codes."""
        removed, _per_model = Authenticator.objects.filter(user__in=queryset).delete()
        self.message_user(
            request, _("Removed authenticators and recovery codes: %(number)d.") % {"number": removed}
        )

    @display(description=_("name"))
    def full_name(self, user: User) -> str:
        return user.get_full_name()
