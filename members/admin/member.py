"""Members: the list, the page about one of them, and the form for their personal data."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from loyalty.core import clock
from loyalty.core.admin import ProgramModelAdmin, program_of, render, user_of
from loyalty.core.errors import InvalidInput
from members import details, profile, search
from members.adjustments import MAY_ADJUST
from members.admin import statement_page
from members.admin.adjusting import AdjustsPoints, adjustments_panel
from members.admin.block import block_page, blocks_panel, newest_blocks
from members.admin.consent import consent_page, consents_panel
from members.admin.hold import holds_panel
from members.admin.household import household_page, household_panel
from members.admin.merge import merge_page, merges_panel, newest_merges
from members.admin.privacy import erase_page, export_page
from members.admin.transfer import send_page
from members.enrolment import normalize
from members.models import Identifier, Member, MemberStatus, MemberTier, Tier, Wallet

# Read with the member, so that panels about what most members do not have need not ask.
WHAT_FEW_HAVE: Final = {"newest_blocks": newest_blocks(), "newest_merges": newest_merges()}

Panel = Callable[[HttpRequest, Member], tuple[str, dict[str, Any]]]
Page = Callable[[Any, HttpRequest, Member], HttpResponse]
IDENTIFIER_SHOWN = 32
STATUS_LABELS = {
    MemberStatus.ACTIVE: "success",
    MemberStatus.BLOCKED: "danger",
    MemberStatus.ERASED: "warning",
    MemberStatus.MERGED: "info",
}


class TierFilter(admin.SimpleListFilter):
    title = _("tier")
    parameter_name = "tier"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tiers = Tier.objects.filter(ladder__program=program_of(request)).order_by(
            "ladder__name", "threshold", "pk"
        )
        return [(str(tier.pk), tier.name) for tier in tiers]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Member]) -> models.QuerySet[Member]:
        known = {key for key, _name in self.lookup_choices}
        if self.value() is None:
            return queryset
        return queryset.filter(tiers__tier=UUID(self.value())) if self.value() in known else queryset.none()


class IdentifierForm(forms.ModelForm):  # type: ignore[type-arg]  # forms are no generics when they run
    """An identifier is unique in its program, which it has from its member."""

    def clean(self) -> dict[str, Any]:
        self.instance.program_id = self.instance.member.program_id
        values = super().clean() or self.cleaned_data
        if values.get("kind") and values.get("value"):
            try:
                values["value"] = normalize(values["kind"], values["value"])
            except InvalidInput as refusal:
                self.add_error("value", refusal.detail)
        return values

    def _get_validation_exclusions(self) -> set[str]:
        return set(super()._get_validation_exclusions()) - {"program"}  # type: ignore[misc]  # not in the stubs


class IdentifierInline(TabularInline):
    """How systems may know the member. What is wrong is corrected; nothing is taken away here."""

    model = Identifier
    form = IdentifierForm
    fields = ("kind", "value")
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Identifier]:
        rows: models.QuerySet[Identifier] = super().get_queryset(request)
        return rows.filter(program=program_of(request))


class MemberList(ChangeList):
    """A page of members, with what they hold and where they stand in three further queries."""

    def apply_select_related(self, qs: models.QuerySet[Member]) -> models.QuerySet[Member]:
        holdings = models.Prefetch("wallets", Wallet.objects.select_related("type"))
        standings = models.Prefetch("tiers", MemberTier.objects.select_related("tier"))
        return qs.prefetch_related("identifiers", holdings).prefetch_related(standings)


@admin.register(Member)
class MemberAdmin(AdjustsPoints, ProgramModelAdmin):
    """
    People in the program.

    `panels` are what other apps add to the page about a member: each gives a template and its values.
    """

    panels: list[Panel] = [
        blocks_panel,
        holds_panel,
        adjustments_panel,
        household_panel,
        merges_panel,
        consents_panel,
    ]

    list_display = ("name", "known_as", "shown_status", "shown_tier", "shown_points", "enrolled_at")
    list_filter = (("status", ChoicesDropdownFilter), TierFilter)
    search_fields = ("last_name",)
    search_help_text = _("Card, e-mail, phone, outside id or name")
    sortable_by = ()
    ordering = ("-enrolled_at", "-pk")
    readonly_fields = ("enrolled_at", "status")
    fieldsets = (
        (None, {"fields": ("first_name", "last_name", "birth_date", "status", "enrolled_at")}),
        (_("Attributes"), {"fields": ("attributes",)}),
    )
    inlines = (IdentifierInline,)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[MemberList]:
        return MemberList

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Member], search_term: str
    ) -> tuple[models.QuerySet[Member], bool]:
        program = program_of(request)
        if not search_term.strip() or program is None:
            return queryset, False
        found = queryset.filter(pk__in=search.find(search_term, program=program).values("pk"))
        return found.order_by(search.is_known_exactly(search_term, program=program).desc(), "-pk"), False

    def has_delete_permission(self, request: HttpRequest, obj: Member | None = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Members enrol through a partner system; that gives them their wallets."""
        return False

    def get_urls(self) -> list[URLPattern]:
        edit = self.admin_site.admin_view(self.edit_view)
        about = [
            path(f"<path:object_id>/{name}/", self._about(page), name=f"members_member_{name}")
            for name, page in (
                ("transfer", send_page),
                ("household", household_page),
                ("merge", merge_page),
                ("block", block_page),
                ("consent", consent_page),
                ("export", export_page),
                ("erase", erase_page),
            )
        ]
        statements = [
            path(
                f"<path:object_id>/{ending}",
                self.admin_site.admin_view(view(self)),
                name=f"members_member_{name}",
            )
            for ending, name, view in (
                ("statement/", "statement", statement_page.page),
                ("statement/paper/", "statement_paper", statement_page.paper),
                ("statement/table.csv", "statement_table", statement_page.table),
            )
        ]
        edit_page = path("<path:object_id>/edit/", edit, name="members_member_edit")
        return [edit_page, *about, *statements, *super().get_urls()]

    def _about(self, page: Page) -> Callable[..., HttpResponse]:
        """A page about one member, for those who may see the member."""

        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return page(self, request, self._member(request, object_id))

        return self.admin_site.admin_view(view)

    def _member(self, request: HttpRequest, object_id: str) -> Member:
        member = self.get_object(request, object_id)
        if member is None or not self.has_view_permission(request, member):
            raise Http404(_now("There is no such member in this program."))
        return member

    def has_change_permission(self, request: HttpRequest, obj: Member | None = None) -> bool:
        """Who was merged into another member stays as they were; of who was erased nothing is known."""
        is_closed = obj is not None and obj.status in (MemberStatus.MERGED, MemberStatus.ERASED)
        return not is_closed and super().has_change_permission(request, obj)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page about the member; the form is at `edit/`."""
        if request.method == "POST" or "_popup" in request.GET:
            return self.edit_view(request, object_id)
        member = self._member(request, object_id)
        return render(request, self, "admin/members/member/profile.html", self._profile(request, member))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Member | None:
        """With what the member is known by, as every page about one says it."""
        try:
            return (
                profile.with_identifiers(self.get_queryset(request))
                .annotate(**WHAT_FEW_HAVE)
                .get(pk=UUID(object_id))
            )
        except (Member.DoesNotExist, ValueError):
            return None

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return super().change_view(request, object_id)

    def _profile(self, request: HttpRequest, member: Member) -> dict[str, Any]:
        holdings = profile.holdings(member)
        panels = [panel(request, member) for panel in self.panels]
        is_active = member.status == MemberStatus.ACTIVE
        is_alive = is_active or member.status == MemberStatus.BLOCKED
        return {
            "title": str(member),
            "original": member,
            "member": member,
            "status_label": STATUS_LABELS[MemberStatus(member.status)],
            "identifiers": profile.identifiers(member),
            "holdings": holdings,
            "standings": profile.standings(member),
            "statement": profile.newest_lines(holdings),
            "panels": [{"template": template, **values} for template, values in panels],
            "may_edit": self.has_change_permission(request, member),
            "survivor": member.merged_into,
            "may_transfer": is_active and request.user.has_perm("members.add_transfer"),
            "may_merge": is_active and request.user.has_perm("members.add_merge"),
            "may_see_household": is_active and request.user.has_perm("members.view_household"),
            "may_adjust": is_alive and request.user.has_perm(MAY_ADJUST),
            "may_block": is_alive and request.user.has_perm("members.block_member"),
            "may_export": is_alive and request.user.has_perm("members.export_member"),
            "may_erase": is_alive and request.user.has_perm("members.erase_member"),
        }

    def response_change(self, request: HttpRequest, obj: Member) -> HttpResponse:
        self.message_user(request, _now("The details of %(member)s were saved.") % {"member": obj})
        return HttpResponseRedirect(reverse("admin:members_member_change", args=[obj.pk]))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Partners are told which details changed, in the same commit; not what they are now."""
        super().save_related(request, form, formsets, change)
        changed = list(form.changed_data) + ["identifiers" for formset in formsets if formset.has_changed()]
        if changed:
            details.tell_changed(
                form.instance,
                fields=changed,
                filled=[name for name in form.changed_data if not form.initial.get(name)],
                added=[identifier for formset in formsets for identifier in formset.new_objects],
                actor=user_of(request).actor,
                at=clock.now(form.instance.program),
            )

    @display(description=_("member"), header=True)
    def name(self, member: Member) -> tuple[str, str, str]:
        initials = f"{member.first_name[:1]}{member.last_name[:1]}"
        return str(member), "", initials or "·"

    @display(description=_("known as"))
    def known_as(self, member: Member) -> str:
        values = [
            Truncator(identifier.value).chars(IDENTIFIER_SHOWN) for identifier in member.identifiers.all()
        ]
        return ", ".join(values[:2]) + (" …" if len(values) > 2 else "")

    @display(description=_("status"), label=STATUS_LABELS)
    def shown_status(self, member: Member) -> tuple[str, str]:
        return member.status, member.get_status_display()

    @display(description=_("tier"))
    def shown_tier(self, member: Member) -> str:
        return ", ".join(place.tier.name for place in member.tiers.all())

    @display(description=_("points"))
    def shown_points(self, member: Member) -> str:
        return ", ".join(
            f"{wallet.available:,}" for wallet in member.wallets.all() if wallet.type.is_spendable
        )
